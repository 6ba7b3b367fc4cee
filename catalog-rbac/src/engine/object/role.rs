use serde::{Deserialize, Serialize};

use super::{LabelSelector, Metadata, PolicyRule, null_is_empty};

/// Rules that a binding of the same namespace can give to somebody there.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Role {
    /// The name and the namespace.
    pub metadata: Metadata,
    /// The rules.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub rules: Vec<PolicyRule>,
}

/// Rules that any binding can give to somebody: in its namespace, or everywhere.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterRole {
    /// The name and the labels.
    pub metadata: Metadata,
    /// The rules. Those of a role that aggregates others are replaced by theirs.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub rules: Vec<PolicyRule>,
    /// Which others' rules it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aggregation_rule: Option<AggregationRule>,
}

/// Which cluster roles lend their rules to another.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AggregationRule {
    /// Those that any of the selectors takes.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub cluster_role_selectors: Vec<LabelSelector>,
}

impl ClusterRole {
    /// The selectors, if it has its rules from others.
    pub fn selectors(&self) -> Option<&[LabelSelector]> {
        self.aggregation_rule.as_ref().map(|rule| rule.cluster_role_selectors.as_slice())
    }
}
