//! Query parameters, read strictly: each known, each once.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::{
    page::{PageSize, PageSizeError},
    problem::Problem,
};

/// The parameters of a request.
#[derive(Clone, Debug)]
pub struct Query<'a> {
    pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

/// Every route knows these: the tenant is found by a layer.
const TENANT: [&str; 2] = ["namespace", "allNamespaces"];

impl<'a> Query<'a> {
    /// Reads the query of a URI for a route that knows the parameters `known`.
    ///
    /// # Errors
    /// [`Problem`] 400 for one that is unknown, given twice or no UTF-8.
    pub fn parse(query: Option<&'a str>, known: &[&str]) -> Result<Self, Problem> {
        let mut pairs: Vec<(Cow<'a, str>, Cow<'a, str>)> = Vec::new();
        for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name)?, decode(value)?);
            if !known.contains(&name.as_ref()) && !TENANT.contains(&name.as_ref()) {
                let shown: String = name.chars().take(64).collect();
                let known = match known {
                    [] => "none is taken but the tenant".to_owned(),
                    known => format!("those are {}", known.join(", ")),
                };
                let detail = format!("the parameter `{shown}` is not known here; {known}");
                return Err(Problem::invalid_parameter(detail).with_parameter(&shown));
            }
            if pairs.iter().any(|(other, _)| *other == name) {
                return Err(Problem::invalid_parameter(format!("the parameter `{name}` is given twice"))
                    .with_parameter(&name));
            }
            pairs.push((name, value));
        }
        Ok(Self { pairs })
    }

    /// The value of a parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_ref())
    }

    /// The value of a parameter, if it is not empty.
    pub fn non_empty(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// The parameter `pageSize`, 100 where it is absent.
    ///
    /// # Errors
    /// [`Problem`] 400 for what is no size of a page.
    pub fn page_size(&self) -> Result<PageSize, Problem> {
        let size = self.get("pageSize").map(str::parse).transpose();
        let refused =
            |error: PageSizeError| Problem::invalid_page_size(error.to_string()).with_parameter("pageSize");
        Ok(size.map_err(refused)?.unwrap_or_default())
    }

    /// A parameter that is `true` or `false`; false where it is absent.
    ///
    /// # Errors
    /// [`Problem`] 400 for anything else.
    pub fn flag(&self, name: &str) -> Result<bool, Problem> {
        match self.get(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => {
                Err(Problem::invalid_parameter(format!("the parameter `{name}` is `true` or `false`"))
                    .with_parameter(name))
            }
        }
    }
}

fn decode(text: &str) -> Result<Cow<'_, str>, Problem> {
    let refused = |_| Problem::invalid_parameter("a parameter is no UTF-8 text");
    if text.contains('+') {
        let spaced = text.replace('+', " ");
        return percent_decode_str(&spaced)
            .decode_utf8()
            .map(|text| Cow::Owned(text.into_owned()))
            .map_err(refused);
    }
    percent_decode_str(text).decode_utf8().map_err(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &str) -> Result<Query<'_>, Problem> {
        Query::parse(Some(query), &["q", "pageSize", "includeTotal"])
    }

    #[test]
    fn values_are_decoded() {
        let query = parse("q=a%20b+c%2B&&pageSize=&includeTotal=true&namespace=x").unwrap();
        assert_eq!(query.get("q"), Some("a b c+"));
        assert_eq!((query.get("pageSize"), query.non_empty("pageSize")), (Some(""), None));
        assert!(query.flag("includeTotal").unwrap());
    }

    #[test]
    fn unknown_repeated_and_broken_parameters_are_refused() {
        for bad in ["pagesize=1", "q=1&q=2", "q=1&%71=2", "q=%ff", "x", "offset=5"] {
            let problem = parse(bad).unwrap_err();
            assert_eq!((problem.status, problem.code.as_ref()), (400, "invalid_parameter"), "{bad}");
        }
        assert!(parse("includeTotal=yes").unwrap().flag("includeTotal").is_err());
    }
}
