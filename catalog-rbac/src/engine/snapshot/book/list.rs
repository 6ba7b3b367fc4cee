use std::sync::Arc;

use super::super::names::Names;
use crate::engine::{PathAttributes, ResourceAttributes, object::PolicyRule};

/// The rules of a role. Roles with equal rules share one.
#[derive(Debug, Default)]
pub(in crate::engine::snapshot) struct RuleList {
    rules: Arc<[PolicyRule]>,
    named: Option<Named>,
    /// Whether some are of paths.
    paths: bool,
}

/// The rules that are limited to names.
#[derive(Debug)]
struct Named {
    names: Names,
    /// For each name, by its number, the rules that say it.
    rules: Vec<Vec<usize>>,
    /// Whether it is one rule alone, so that the name decides.
    is_one: bool,
}

impl RuleList {
    pub(super) fn new(rules: &[PolicyRule]) -> Self {
        Self {
            named: Named::new(rules),
            paths: rules.iter().any(|rule| !rule.non_resource_urls.is_empty()),
            rules: rules.into(),
        }
    }

    pub(in crate::engine::snapshot) fn rules(&self) -> &[PolicyRule] {
        &self.rules
    }

    pub(super) fn allows(&self, asked: &ResourceAttributes<'_>) -> bool {
        self.rules.iter().any(|rule| rule.allows_resource(asked))
    }

    /// Whether one of the rules that are limited to names allows it, where one of them covers all but the name.
    pub(super) fn allows_by_name(&self, asked: &ResourceAttributes<'_>) -> bool {
        let Some(named) = &self.named else { return false };
        let rules = named.of(asked.name);
        if named.is_one {
            return !rules.is_empty();
        }
        rules.iter().any(|rule| self.rules.get(*rule).is_some_and(|rule| rule.allows_resource(asked)))
    }

    pub(in crate::engine::snapshot) fn allows_path(&self, asked: &PathAttributes<'_>) -> bool {
        self.paths && self.rules.iter().any(|rule| rule.allows_path(asked))
    }
}

impl Named {
    fn new(rules: &[PolicyRule]) -> Option<Self> {
        let limited = || rules.iter().enumerate().filter(|(_, rule)| !rule.resource_names.is_empty());
        let total: usize = limited().map(|(_, rule)| rule.resource_names.len()).sum();
        if total == 0 {
            return None;
        }
        let mut named =
            Self { names: Names::with_capacity(total), rules: Vec::new(), is_one: limited().count() == 1 };
        for (at, rule) in limited() {
            for name in &rule.resource_names {
                let number = named.names.intern(name) as usize;
                if named.rules.len() <= number {
                    named.rules.push(Vec::new());
                }
                if let Some(rules) = named.rules.get_mut(number) {
                    rules.push(at);
                }
            }
        }
        Some(named)
    }

    fn of(&self, name: &str) -> &[usize] {
        let number = self.names.number(name);
        number.and_then(|number| self.rules.get(number as usize)).map(Vec::as_slice).unwrap_or_default()
    }
}
