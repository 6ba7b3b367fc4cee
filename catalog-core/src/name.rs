//! Validated names: nothing downstream of these types checks a name again.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::excerpt::shown;

/// Why a text is not the name it was meant to be.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{noun} `{}` {rule}", shown(.text))]
pub struct NameError {
    noun: &'static str,
    text: String,
    rule: &'static str,
}

impl NameError {
    /// The rule that was broken, to be read after the name: `must not be empty`.
    pub fn rule(&self) -> &'static str {
        self.rule
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $noun:literal, $check:path) => {
        $(#[$doc])*
        ///
        /// Cheap to clone; compares and sorts by its bytes.
        #[derive(Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks `text` and keeps it.
            ///
            /// # Errors
            /// [`NameError`] names the rule that `text` breaks.
            pub fn new(text: impl AsRef<str>) -> Result<Self, NameError> {
                let text = text.as_ref();
                match $check(text) {
                    Ok(()) => Ok(Self(text.into())),
                    Err(rule) => Err(NameError { noun: $noun, text: text.into(), rule }),
                }
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.as_str())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.as_str().into()
            }
        }
    };
}

name! {
    /// A tenant: a Kubernetes namespace name.
    ///
    /// Shape: DNS label of RFC 1123, 1 to 63 of `a-z`, `0-9` and `-`, beginning and ending with a letter or digit.
    Namespace, "namespace", dns_label
}

name! {
    /// A plugin, the part of a catalog that lists one sort of thing: `model`, `mcp`.
    ///
    /// Shape: 1 to 63 of `a-z`, `0-9` and `-`, beginning with a letter; it is part of the plugin's base path.
    PluginName, "plugin", plugin
}

name! {
    /// The kind of a plugin's entity: `CatalogModel`, `McpServer`.
    ///
    /// Shape: 1 to 63 ASCII letters and digits, beginning with a capital letter.
    KindName, "kind", kind
}

name! {
    /// The name of one field of an entity, as it stands in a catalog file and on the wire: `toolCount`.
    ///
    /// Shape: 1 to 63 ASCII letters, digits and `_`, beginning with a letter. Only such a name is ever written into SQL.
    FieldName, "field", field
}

name! {
    /// The name of an asset within its source. It may hold `/`, which a path carries as `%2F`.
    ///
    /// Shape: 1 to 512 bytes, no control character, no white space at either end, not `.` or `..`.
    AssetName, "asset", asset
}

name! {
    /// The id of a source within a tenant and plugin: `community_models`, `agents-git`.
    ///
    /// Shape: 1 to 128 of ASCII letters, digits, `.`, `_` and `-`, beginning with a letter or digit.
    SourceId, "source", source
}

fn length(text: &str, max: usize) -> Result<(), &'static str> {
    if text.is_empty() {
        return Err("must not be empty");
    }
    if text.len() > max {
        return Err("is too long");
    }
    Ok(())
}

fn begins(text: &str, first: impl Fn(u8) -> bool) -> bool {
    text.bytes().next().is_some_and(first)
}

fn dns_label(text: &str) -> Result<(), &'static str> {
    const RULE: &str =
        "must be 1 to 63 lower-case letters, digits or `-`, and begin and end with a letter or digit";
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let ends = text.bytes().next_back().is_some_and(alphanumeric);
    let inner = text.bytes().all(|b| alphanumeric(b) || b == b'-');
    if text.len() <= 63 && begins(text, alphanumeric) && ends && inner { Ok(()) } else { Err(RULE) }
}

fn plugin(text: &str) -> Result<(), &'static str> {
    length(text, 63)?;
    let inner = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if begins(text, |b| b.is_ascii_lowercase()) && inner {
        Ok(())
    } else {
        Err("must be lower-case letters, digits or `-`, beginning with a letter")
    }
}

fn kind(text: &str) -> Result<(), &'static str> {
    length(text, 63)?;
    if begins(text, |b| b.is_ascii_uppercase()) && text.bytes().all(|b| b.is_ascii_alphanumeric()) {
        Ok(())
    } else {
        Err("must be letters and digits, beginning with a capital letter")
    }
}

fn field(text: &str) -> Result<(), &'static str> {
    length(text, 63)?;
    if begins(text, |b| b.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    {
        Ok(())
    } else {
        Err("must be letters, digits or `_`, beginning with a letter")
    }
}

fn asset(text: &str) -> Result<(), &'static str> {
    length(text, 512)?;
    if text.chars().any(char::is_control) {
        return Err("must not contain control characters");
    }
    if text.trim().len() != text.len() {
        return Err("must not begin or end with white space");
    }
    if matches!(text, "." | "..") {
        return Err("must not be a path's own dots");
    }
    Ok(())
}

fn source(text: &str) -> Result<(), &'static str> {
    length(text, 128)?;
    let inner = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    if begins(text, |b| b.is_ascii_alphanumeric()) && inner {
        Ok(())
    } else {
        Err("must be letters, digits, `.`, `_` or `-`, beginning with a letter or digit")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn namespaces_are_dns_labels() {
        for good in ["a", "team-a", "0", "a-0-b", &"x".repeat(63)] {
            assert_eq!(Namespace::new(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "-a",
            "a-",
            "Team-a",
            "team_a",
            "team.a",
            "team-a.",
            "a b",
            "*",
            "tеam-a",
            "a\0",
            "a/b",
            "%61",
            &"x".repeat(64),
        ] {
            assert!(Namespace::new(bad).is_err(), "{bad:?} was taken");
        }
    }

    #[test]
    fn asset_names_may_hold_slashes_but_no_control_characters() {
        for good in ["acme-ai/neural-7b", "a b", "日本語", "a%2Fb", "..."] {
            assert!(AssetName::new(good).is_ok(), "{good:?} was refused");
        }
        for bad in ["", " a", "a ", "a\nb", "a\0", ".", "..", &"x".repeat(513)] {
            assert!(AssetName::new(bad).is_err(), "{bad:?} was taken");
        }
    }

    #[test]
    fn an_error_shows_a_short_escaped_form_of_what_was_sent() {
        let error = Namespace::new(format!("a\n{}", "x".repeat(500))).unwrap_err().to_string();
        assert!(error.starts_with("namespace `a\\nxxx"), "{error}");
        assert!(error.contains('…') && error.len() < 300, "{error}");
    }

    #[test]
    fn serde_checks_too() {
        assert!(serde_json::from_str::<FieldName>("\"toolCount\"").is_ok());
        assert!(serde_json::from_str::<FieldName>("\"a'; drop\"").is_err());
    }

    proptest! {
        #[test]
        fn a_field_name_never_needs_quoting(text in ".{0,80}") {
            if let Ok(name) = FieldName::new(&text) {
                prop_assert!(name.as_str().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
            }
        }
    }
}
