//! Policies as text: documents of YAML or JSON, one object or a list of them each.

use catalog_core::yaml::{Limits, Node, YamlError};

use super::{Fault, Policy, PolicyError};
use crate::engine::object::{
    ClusterRole, ClusterRoleBinding, Object, ObjectKind, RBAC_GROUP, Role, RoleBinding,
};

pub(super) fn read<'a>(
    manifests: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Policy, PolicyError> {
    let mut policy = Policy::new();
    let mut faults = Vec::new();
    for (file, text) in manifests {
        Reader { file, before: 0, policy: &mut policy, faults: &mut faults }.text(text);
    }
    if faults.is_empty() { Ok(policy) } else { Err(PolicyError::new(faults)) }
}

struct Reader<'a> {
    file: &'a str,
    /// The lines before the document.
    before: usize,
    policy: &'a mut Policy,
    faults: &'a mut Vec<Fault>,
}

impl Reader<'_> {
    fn text(&mut self, text: &str) {
        for (before, document) in documents(text) {
            self.before = before;
            match Node::parse(document, Limits::default()) {
                Ok(node) if node.to_value().is_null() => {}
                Ok(node) => self.object(&node, "", None),
                Err(error) => self.fault(error),
            }
        }
    }

    fn fault(&mut self, error: YamlError) {
        let line = error.line + self.before;
        self.faults.push(Fault::from(error).at(self.file, line));
    }

    /// An object, or a list of them. The items of a `RoleList` need not say that they are roles.
    fn object(&mut self, node: &Node, at: &str, of_list: Option<ObjectKind>) {
        let text = |key: &str| node.get(key).and_then(|node| node.to_value().as_str().map(str::to_owned));
        let version = text("apiVersion");
        let kind = text("kind");
        if version.is_none() && kind.is_none() {
            match of_list {
                Some(kind) => self.of_kind(node, at, kind),
                None => self.fault(node.error(at, "has no `apiVersion` and no `kind`")),
            }
            return;
        }
        let (version, kind) = (version.unwrap_or_default(), kind.unwrap_or_default());
        let ours = version.strip_prefix(RBAC_GROUP) == Some("/v1");
        let list_of = kind.strip_suffix("List");
        if kind == "List" && version == "v1" {
            self.list(node, at, None);
        } else if let Some(kind) = list_of.and_then(ObjectKind::from_name).filter(|_| ours) {
            self.list(node, at, Some(kind));
        } else if let Some(kind) = ObjectKind::from_name(&kind).filter(|_| ours) {
            self.of_kind(node, at, kind);
        } else {
            let message = format!("`{kind}` of `{version}` is no object of `{RBAC_GROUP}/v1`");
            self.fault(node.error(at, message));
        }
    }

    fn list(&mut self, node: &Node, at: &str, kind: Option<ObjectKind>) {
        self.fields(node, at, &["items"]);
        let Some(items) = node.get("items") else { return };
        let Some(nodes) = items.items() else {
            // Go writes a list of none as `null`
            if !items.to_value().is_null() {
                self.fault(items.error(join(at, "items"), "must be a list"));
            }
            return;
        };
        for (index, item) in nodes.iter().enumerate() {
            self.object(item, &join(at, &format!("items[{index}]")), kind);
        }
    }

    fn of_kind(&mut self, node: &Node, at: &str, kind: ObjectKind) {
        let (fields, object): (&[&str], _) = match kind {
            ObjectKind::Role => (&["rules"], node.deserialize::<Role>().map(Object::from)),
            ObjectKind::ClusterRole => {
                (&["rules", "aggregationRule"], node.deserialize::<ClusterRole>().map(Object::from))
            }
            ObjectKind::RoleBinding => {
                (&["roleRef", "subjects"], node.deserialize::<RoleBinding>().map(Object::from))
            }
            ObjectKind::ClusterRoleBinding => {
                (&["roleRef", "subjects"], node.deserialize::<ClusterRoleBinding>().map(Object::from))
            }
        };
        self.fields(node, at, fields);
        match object {
            Ok(object) => {
                if let Err(error) = self.policy.add(object) {
                    for mut fault in error.into_faults() {
                        let line = locate(node, &fault.field).line() + self.before;
                        fault.field = join(at, &fault.field);
                        self.faults.push(fault.at(self.file, line));
                    }
                }
            }
            Err(mut error) => {
                error.field = join(at, &error.field);
                self.fault(error);
            }
        }
    }

    /// The fields that stand beside `apiVersion`, `kind` and `metadata`.
    fn fields(&mut self, node: &Node, at: &str, known: &[&str]) {
        for (key, value) in node.entries() {
            let common = matches!(key.as_str(), "apiVersion" | "kind" | "metadata");
            if !common && !known.contains(&key.as_str()) {
                self.fault(value.error(join(at, key), "is unknown"));
            }
        }
    }
}

fn join(at: &str, field: &str) -> String {
    match (at.is_empty(), field.is_empty()) {
        (true, _) => field.into(),
        (false, true) => at.into(),
        (false, false) => format!("{at}.{field}"),
    }
}

/// The value of a field like `subjects[0].kind`, or the innermost that is there.
fn locate<'a>(node: &'a Node, field: &str) -> &'a Node {
    field.split(['.', '[']).fold(node, |node, segment| {
        let inner = match segment.strip_suffix(']') {
            Some(index) => index.parse().ok().and_then(|index: usize| node.items()?.get(index)),
            None => node.get(segment),
        };
        inner.unwrap_or(node)
    })
}

/// Each document with the number of lines before it.
///
/// A marker begins its line, where no scalar can have one, so lines are all that has to be looked at.
fn documents(text: &str) -> Vec<(usize, &str)> {
    let is_marker = |line: &str| {
        line.strip_prefix("---")
            .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
    };
    let mut documents = Vec::new();
    let (mut start, mut before, mut at) = (0, 0, 0);
    for (number, line) in text.split_inclusive('\n').enumerate() {
        if is_marker(line) {
            documents.push((before, text.get(start..at).unwrap_or_default()));
            (start, before) = (at, number);
        }
        at += line.len();
    }
    documents.push((before, text.get(start..).unwrap_or_default()));
    documents
}
