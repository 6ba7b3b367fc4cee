use std::sync::Arc;

use super::super::names::Names;
use crate::engine::{
    PathAttributes, ResourceAttributes,
    object::{ClusterRole, PolicyRule, Role},
};

/// The rules of a role. Roles with equal rules share one.
#[derive(Debug)]
pub(in crate::engine::snapshot) struct RuleList {
    rules: Rules,
    /// The names that rules are limited to.
    names: Names,
    /// Whether one rule alone is limited to names.
    is_one: bool,
    /// Whether some are of paths.
    paths: bool,
}

/// Rules where they stand.
#[derive(Clone, Debug)]
pub(super) enum Rules {
    Role(Arc<Role>),
    ClusterRole(Arc<ClusterRole>),
    /// Put together from other roles.
    Own(Arc<[PolicyRule]>),
}

impl Rules {
    fn as_slice(&self) -> &[PolicyRule] {
        match self {
            Self::Role(role) => &role.rules,
            Self::ClusterRole(role) => &role.rules,
            Self::Own(rules) => rules,
        }
    }
}

impl RuleList {
    pub(super) fn new(rules: Rules) -> Self {
        let all = rules.as_slice();
        let limited = || all.iter().filter(|rule| !rule.resource_names.is_empty());
        let mut names = Names::with_capacity(0);
        for name in limited().flat_map(|rule| &rule.resource_names) {
            names.intern(name);
        }
        Self {
            names,
            is_one: limited().count() == 1,
            paths: all.iter().any(|rule| !rule.non_resource_urls.is_empty()),
            rules,
        }
    }

    pub(in crate::engine::snapshot) fn rules(&self) -> &[PolicyRule] {
        self.rules.as_slice()
    }

    pub(super) fn allows(&self, asked: &ResourceAttributes<'_>) -> bool {
        self.rules().iter().any(|rule| rule.allows_resource(asked))
    }

    /// Whether one of the rules that are limited to names allows it, where one of them covers all but the name.
    pub(super) fn allows_by_name(&self, asked: &ResourceAttributes<'_>) -> bool {
        // most names are no rule's, and there may be many
        self.names.number(asked.name).is_some()
            && (self.is_one || self.limited().any(|rule| rule.allows_resource(asked)))
    }

    fn limited(&self) -> impl Iterator<Item = &PolicyRule> {
        self.rules().iter().filter(|rule| !rule.resource_names.is_empty())
    }

    pub(in crate::engine::snapshot) fn allows_path(&self, asked: &PathAttributes<'_>) -> bool {
        self.paths && self.rules().iter().any(|rule| rule.allows_path(asked))
    }
}
