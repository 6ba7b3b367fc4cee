//! Names of kinds, queues, limits and schedules.

use std::{fmt, str::FromStr, sync::Arc};

use catalog_core::name::PluginName;
use serde::{Deserialize, Serialize};

/// Why a text is not the name it was meant to be.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{noun} `{shown}` must be {rule}")]
pub struct JobNameError {
    noun: &'static str,
    rule: &'static str,
    shown: String,
}

/// The shape of a name, in words and as a check.
type Form = (&'static str, fn(&str) -> bool);

const WORD: Form = ("1 to 63 lower-case letters, digits, `.`, `_` or `-`, beginning with a letter", is_word);
const TEXT: Form = ("1 to 255 visible ASCII characters", is_text);

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $noun:literal, $form:ident) => {
        $(#[$doc])*
        #[derive(Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks `text` and keeps it.
            ///
            /// # Errors
            /// [`JobNameError`] if it has another shape.
            pub fn new(text: impl AsRef<str>) -> Result<Self, JobNameError> {
                let text = text.as_ref();
                let (rule, holds) = $form;
                if holds(text) {
                    return Ok(Self(text.into()));
                }
                let shown = text.chars().take(64).flat_map(char::escape_debug).collect();
                Err(JobNameError { noun: $noun, rule, shown })
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

        impl FromStr for $name {
            type Err = JobNameError;

            fn from_str(text: &str) -> Result<Self, JobNameError> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = JobNameError;

            fn try_from(text: String) -> Result<Self, JobNameError> {
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
    /// What sort of job it is, which says who handles it: `refresh`.
    ///
    /// Shape: 1 to 63 of `a-z`, `0-9`, `.`, `_` and `-`, beginning with a letter. Cheap to clone.
    JobKind, "kind of job", WORD
}

name! {
    /// A queue, whose jobs are claimed together: `refresh`.
    ///
    /// Shape: 1 to 63 of `a-z`, `0-9`, `.`, `_` and `-`, beginning with a letter. Cheap to clone.
    QueueName, "queue", WORD
}

name! {
    /// What jobs share a limit by, whatever tenant they are of: a plugin's name.
    ///
    /// Shape: 1 to 63 of `a-z`, `0-9`, `.`, `_` and `-`, beginning with a letter. Cheap to clone.
    LimitKey, "limit key", WORD
}

name! {
    /// What a schedule is called: `nightly`, `refresh:model:community_models`.
    ///
    /// Shape: 1 to 255 visible ASCII characters. Cheap to clone.
    ScheduleName, "schedule", TEXT
}

/// A plugin's name has the shape of a limit key.
impl From<&PluginName> for LimitKey {
    fn from(plugin: &PluginName) -> Self {
        Self(plugin.as_str().into())
    }
}

impl Default for QueueName {
    /// `default`.
    fn default() -> Self {
        Self("default".into())
    }
}

fn is_text(text: &str) -> bool {
    (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

fn is_word(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-');
    let begins = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
    text.len() <= 63 && begins && text.bytes().all(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_need_no_escape_in_keys_or_paths() {
        for good in ["a", "refresh", "refresh.v2", "a-b_c", &"x".repeat(63)] {
            assert_eq!(JobKind::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "A", "1a", "a/b", "a b", "a\n", "ä", &"x".repeat(64)] {
            assert!(QueueName::new(bad).is_err(), "{bad:?} was taken");
        }
        assert!(serde_json::from_str::<LimitKey>("\"a/b\"").is_err());
        assert!(ScheduleName::new("refresh:model:Community_models").is_ok());
        for bad in ["", "a b", "a\n", "ä", &"x".repeat(256)] {
            assert!(ScheduleName::new(bad).is_err(), "{bad:?} was taken");
        }
    }
}
