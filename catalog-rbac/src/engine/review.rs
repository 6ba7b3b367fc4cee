//! What somebody may do, as a list.

use serde::Serialize;

use super::{Caller, Snapshot, explain::not_found, object::PolicyRule};

/// The rules that somebody has in one namespace: for people to read, and never to decide by.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct RulesReview {
    /// Of resources.
    pub resource_rules: Vec<ResourceRule>,
    /// Of paths.
    pub non_resource_rules: Vec<NonResourceRule>,
    /// Which roles are not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evaluation_error: Option<String>,
}

/// The part of a rule that is of resources.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceRule {
    /// The verbs.
    pub verbs: Vec<String>,
    /// The API groups.
    pub api_groups: Vec<String>,
    /// The resources.
    pub resources: Vec<String>,
    /// The names; none for all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resource_names: Vec<String>,
}

/// The part of a rule that is of paths.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NonResourceRule {
    /// The verbs.
    pub verbs: Vec<String>,
    /// The paths.
    #[serde(rename = "nonResourceURLs")]
    pub non_resource_urls: Vec<String>,
}

impl Snapshot {
    /// All rules that bindings give to the caller in a namespace, those of the whole cluster first.
    pub fn rules<'a>(&self, caller: impl Into<Caller<'a>>, namespace: &str) -> RulesReview {
        let (rules, unresolved) = self.held(caller.into(), namespace);
        RulesReview {
            resource_rules: rules
                .iter()
                .filter(|rule| !rule.resources.is_empty())
                .map(|rule| resource(rule))
                .collect(),
            non_resource_rules: rules
                .iter()
                .filter(|rule| !rule.non_resource_urls.is_empty())
                .map(|rule| path(rule))
                .collect(),
            evaluation_error: not_found(&unresolved),
        }
    }
}

fn resource(rule: &PolicyRule) -> ResourceRule {
    ResourceRule {
        verbs: rule.verbs.clone(),
        api_groups: rule.api_groups.clone(),
        resources: rule.resources.clone(),
        resource_names: rule.resource_names.clone(),
    }
}

fn path(rule: &PolicyRule) -> NonResourceRule {
    NonResourceRule { verbs: rule.verbs.clone(), non_resource_urls: rule.non_resource_urls.clone() }
}
