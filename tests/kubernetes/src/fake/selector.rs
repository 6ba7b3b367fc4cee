//! Which objects a list or a watch is limited to.

use std::collections::{BTreeMap, BTreeSet};

use kube::core::{Expression, Selector, SelectorExt};
use serde_json::Value;

use super::object;
use super::resource::Resource;
use super::status::Failure;

/// What both selectors of a request ask for.
#[derive(Clone, Debug, Default)]
pub(super) struct Filter {
    labels: Selector,
    /// Pointer, whether it has to be equal, and the value.
    fields: Vec<(&'static str, bool, String)>,
}

impl Filter {
    /// # Errors
    /// Refuses what it cannot read, and fields that the resource has no index for.
    pub(super) fn new(resource: &Resource, labels: &str, fields: &str) -> Result<Self, Failure> {
        let labels = parse_labels(labels).ok_or_else(|| {
            Failure::bad_request(format!("unable to parse requirement: {labels:?} is no label selector"))
        })?;
        let fields = split_fields(fields)
            .map(|(field, equal, value)| {
                let pointer = match (field, resource.plural) {
                    ("metadata.name", _) => "/metadata/name",
                    ("metadata.namespace", _) if resource.namespaced => "/metadata/namespace",
                    ("status.phase", "namespaces") => "/status/phase",
                    ("type", "secrets") => "/type",
                    (_, "namespaces" | "secrets") => {
                        return Err(Failure::bad_request(format!("field label not supported: {field}")));
                    }
                    _ => {
                        let message = format!(
                            "{field:?} is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
                        );
                        return Err(Failure::bad_request(message));
                    }
                };
                Ok((pointer, equal, value.to_owned()))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { labels, fields })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.labels.selects_all() && self.fields.is_empty()
    }

    pub(super) fn matches(&self, object: &Value) -> bool {
        let has = |(pointer, equal, value): &(&str, bool, String)| {
            (object::text(object, pointer) == *value) == *equal
        };
        self.labels.matches(&labels(object)) && self.fields.iter().all(has)
    }
}

/// The labels of an object.
pub(super) fn labels(object: &Value) -> BTreeMap<String, String> {
    let labels = object.pointer("/metadata/labels").and_then(Value::as_object);
    let pair = |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.to_owned()));
    labels.into_iter().flatten().filter_map(pair).collect()
}

/// The name, if a field selector asks for just one.
pub(super) fn only_name(fields: &str) -> Option<String> {
    let mut names = split_fields(fields).filter(|(field, ..)| *field == "metadata.name");
    names.next().filter(|(_, equal, _)| *equal).map(|(.., name)| name.to_owned())
}

/// `field=value`, `field==value` and `field!=value` between commas.
fn split_fields(text: &str) -> impl Iterator<Item = (&str, bool, &str)> {
    text.split(',').filter(|term| !term.is_empty()).map(|term| {
        if let Some((field, value)) = term.split_once("!=") {
            return (field, false, value);
        }
        let (field, value) = term.split_once('=').unwrap_or((term, ""));
        (field, true, value.strip_prefix('=').unwrap_or(value))
    })
}

/// Reads what kubectl's `-l` takes; `None` if it cannot be read.
fn parse_labels(text: &str) -> Option<Selector> {
    let terms = split_outside_parentheses(text);
    terms.into_iter().filter(|term| !term.trim().is_empty()).map(parse_requirement).collect()
}

fn split_outside_parentheses(text: &str) -> Vec<&str> {
    let mut depth = 0_i32;
    text.split(move |letter| {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        letter == ',' && depth == 0
    })
    .collect()
}

fn parse_requirement(term: &str) -> Option<Expression> {
    let term = term.trim();
    if let Some(key) = term.strip_prefix('!') {
        return key_of(key).map(Expression::DoesNotExist);
    }
    if let Some((key, value)) = term.split_once("!=") {
        return Some(Expression::NotEqual(key_of(key)?, value.trim().to_owned()));
    }
    if let Some((key, value)) = term.split_once('=') {
        let value = value.strip_prefix('=').unwrap_or(value);
        return Some(Expression::Equal(key_of(key)?, value.trim().to_owned()));
    }
    if let Some((head, values)) = term.split_once('(') {
        let values: BTreeSet<String> =
            values.strip_suffix(')')?.split(',').map(|value| value.trim().to_owned()).collect();
        let mut words = head.split_whitespace();
        let (key, operator) = (key_of(words.next()?)?, words.next()?);
        return match (operator, words.next()) {
            ("in", None) => Some(Expression::In(key, values)),
            ("notin", None) => Some(Expression::NotIn(key, values)),
            _ => None,
        };
    }
    key_of(term).map(Expression::Exists)
}

fn key_of(text: &str) -> Option<String> {
    let text = text.trim();
    let fine = |letter: char| letter.is_ascii_alphanumeric() || "-_./".contains(letter);
    (!text.is_empty() && text.chars().all(fine)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_selectors() {
        let labels =
            BTreeMap::from([("app".to_owned(), "web".to_owned()), ("tier".to_owned(), "a".to_owned())]);
        for (selector, matches) in [
            ("", true),
            ("app=web", true),
            ("app==web,tier!=b", true),
            ("app=db", false),
            ("app in (db, web),tier", true),
            ("app notin (web)", false),
            ("none notin (web)", true),
            ("!none", true),
            ("!app", false),
            ("none!=x", true),
        ] {
            assert_eq!(parse_labels(selector).unwrap().matches(&labels), matches, "{selector}");
        }
    }

    #[test]
    fn broken_label_selectors_are_refused() {
        for selector in ["app in web", "app in (web", "=web", "a b", "app within (web)"] {
            assert!(parse_labels(selector).is_none(), "{selector}");
        }
    }

    #[test]
    fn name_that_alone_is_asked_for() {
        assert_eq!(only_name("metadata.name=x"), Some("x".to_owned()));
        assert_eq!(only_name("metadata.namespace=a,metadata.name==x"), Some("x".to_owned()));
        assert_eq!(only_name("metadata.name!=x"), None);
        assert_eq!(only_name(""), None);
    }
}
