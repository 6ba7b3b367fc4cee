//! What the suite found.

mod check;
mod json;
mod junit;
mod table;

use std::time::Duration;

use serde_json::Value;

pub use self::check::{Category, Check, Outcome};
use crate::clock::Timestamp;

/// What the suite found out about one plugin.
///
/// `Display` writes it as a table, one check a line, with the reasons of what failed or was skipped.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// The plugin.
    pub plugin: String,
    /// Where it was asked.
    pub target: String,
    /// When the suite began.
    pub started: Timestamp,
    /// How long it took.
    pub duration: Duration,
    /// What was checked, by category.
    pub checks: Vec<Check>,
}

impl Report {
    /// Whether no check failed and at least one passed. What was skipped is not held against the plugin.
    pub fn is_conformant(&self) -> bool {
        self.failed().next().is_none() && self.count("passed") > 0
    }

    /// The check of that name.
    pub fn check(&self, name: &str) -> Option<&Check> {
        self.checks.iter().find(|check| check.name == name)
    }

    /// The checks that failed.
    pub fn failed(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| matches!(check.outcome, Outcome::Failed { .. }))
    }

    /// The checks that could not be decided.
    pub fn skipped(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| matches!(check.outcome, Outcome::Skipped { .. }))
    }

    /// The report as a JSON object.
    pub fn to_json(&self) -> Value {
        json::json(self)
    }

    /// The report as an XML document of the form that `JUnit` writes: one suite a category, one case a check.
    pub fn to_junit(&self) -> String {
        junit::junit(self)
    }

    /// How many checks ended so: `passed`, `failed` or `skipped`.
    fn count(&self, outcome: &str) -> usize {
        self.checks.iter().filter(|check| check.outcome.as_str() == outcome).count()
    }
}
