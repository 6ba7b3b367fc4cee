use std::sync::Arc;

use crate::engine::{PathAttributes, ResourceAttributes, object::PolicyRule};

/// The rules of a role. Roles with equal rules share one.
#[derive(Debug, Default)]
pub(in crate::engine::snapshot) struct RuleList {
    rules: Arc<[PolicyRule]>,
    /// The rules that are limited to names.
    named: Vec<Named>,
    /// Whether some are of paths.
    paths: bool,
}

#[derive(Debug)]
struct Named {
    rule: usize,
    /// The places of its names, in their order, so that one is found among many.
    sorted: Vec<usize>,
}

impl RuleList {
    pub(super) fn new(rules: &[PolicyRule]) -> Self {
        let named = rules.iter().enumerate().filter(|(_, rule)| !rule.resource_names.is_empty());
        let named = named.map(|(at, rule)| {
            let mut sorted: Vec<usize> = (0..rule.resource_names.len()).collect();
            sorted.sort_by_key(|&at| rule.resource_names.get(at));
            Named { rule: at, sorted }
        });
        Self {
            named: named.collect(),
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

    /// Whether one of the rules that are limited to names allows it.
    pub(super) fn allows_by_name(&self, asked: &ResourceAttributes<'_>) -> bool {
        self.named.iter().any(|named| {
            self.rules
                .get(named.rule)
                .is_some_and(|rule| named.has(rule, asked.name) && rule.allows_resource(asked))
        })
    }

    pub(in crate::engine::snapshot) fn allows_path(&self, asked: &PathAttributes<'_>) -> bool {
        self.paths && self.rules.iter().any(|rule| rule.allows_path(asked))
    }
}

impl Named {
    fn has(&self, rule: &PolicyRule, name: &str) -> bool {
        let name_at = |at: &usize| rule.resource_names.get(*at).map(String::as_str);
        self.sorted.binary_search_by(|at| name_at(at).cmp(&Some(name))).is_ok()
    }
}
