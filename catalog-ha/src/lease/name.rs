use std::{fmt, sync::Arc};

/// The name of a lease, which all its candidates give it: a DNS label, so that every store can have it.
#[derive(Clone, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct LeaseName(Arc<str>);

/// Why a text is no name of a lease.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "lease `{}` must be 1 to 63 lower-case letters, digits and dashes, with a letter or digit at both ends",
    .text.escape_debug()
)]
pub struct LeaseNameError {
    text: String,
}

/// So long a DNS label may be.
const LONGEST: usize = 63;

impl LeaseName {
    /// Checks `text` and keeps it.
    ///
    /// # Errors
    /// [`LeaseNameError`] when it is no DNS label.
    pub fn new(text: impl AsRef<str>) -> Result<Self, LeaseNameError> {
        let text = text.as_ref();
        let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let bytes = text.as_bytes();
        let ends = [bytes.first(), bytes.last()];
        let is_label = bytes.len() <= LONGEST
            && ends.iter().all(|end| end.is_some_and(|byte| alphanumeric(*byte)))
            && bytes.iter().all(|byte| alphanumeric(*byte) || *byte == b'-');
        if is_label {
            Ok(Self(text.into()))
        } else {
            Err(LeaseNameError { text: text.chars().take(LONGEST + 1).collect() })
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for LeaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

impl fmt::Display for LeaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for LeaseName {
    type Err = LeaseNameError;

    fn from_str(text: &str) -> Result<Self, LeaseNameError> {
        Self::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_dns_labels() {
        for good in ["a", "catalog-retention", "0", &"a".repeat(63)] {
            assert_eq!(LeaseName::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "-a", "a-", "A", "a.b", "a b", "ä", &"a".repeat(64)] {
            assert!(LeaseName::new(bad).is_err(), "{bad}");
        }
    }
}
