//! A rule that a package breaks.

use std::fmt;

/// One package that breaks one rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Violation {
    pub(super) package: String,
    pub(super) version: String,
    pub(super) rule: &'static str,
    /// What was found instead.
    pub(super) detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}: {}", self.package, self.version, self.rule, self.detail)
    }
}
