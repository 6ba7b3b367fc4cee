use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Where in a token something stands: the name of a claim, which may hold any characters, or a JSON pointer into nested ones,
/// which begins with `/`: `/realm_access/roles`.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Claim(String);

impl Claim {
    /// By its name or pointer.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name or pointer.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands there; `null` is nothing.
    pub(super) fn find<'a>(&self, claims: &'a Value) -> Option<&'a Value> {
        let value = if self.0.starts_with('/') { claims.pointer(&self.0) } else { claims.get(&self.0) };
        value.filter(|value| !value.is_null())
    }
}

/// The texts of a claim that is one or a list of them; `None` for anything else.
pub(super) fn texts(value: &Value) -> Option<Vec<&str>> {
    match value {
        Value::String(text) => Some(vec![text]),
        Value::Array(list) => list.iter().map(Value::as_str).collect(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_name_is_whole_and_a_pointer_goes_down() {
        let claims = json!({"a.b": 1, "https://example.com/x": 2, "a": {"b": [3]}, "n": null});
        for (name, value) in [
            ("a.b", Some(json!(1))),
            ("https://example.com/x", Some(json!(2))),
            ("/a/b", Some(json!([3]))),
            ("/a/b/0", Some(json!(3))),
            ("a/b", None),
            ("n", None),
            ("", None),
        ] {
            assert_eq!(Claim::new(name).find(&claims), value.as_ref(), "{name}");
        }
    }
}
