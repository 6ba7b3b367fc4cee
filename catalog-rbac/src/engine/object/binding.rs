use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Metadata, RBAC_GROUP, null_is_empty};

/// Who has a role in the binding's namespace, and only there.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleBinding {
    /// The name and the namespace.
    pub metadata: Metadata,
    /// The role: one of the same namespace, or a cluster role.
    pub role_ref: RoleRef,
    /// Who has it.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub subjects: Vec<Subject>,
}

/// Who has a cluster role in every namespace and outside of all.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterRoleBinding {
    /// The name.
    pub metadata: Metadata,
    /// The cluster role.
    pub role_ref: RoleRef,
    /// Who has it.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub subjects: Vec<Subject>,
}

/// The role of a binding.
#[derive(Clone, Debug, Default, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RoleRef {
    /// The API group; empty for its only value, [`RBAC_GROUP`].
    #[serde(default)]
    pub api_group: String,
    /// `Role` or `ClusterRole`.
    pub kind: String,
    /// The role's name.
    pub name: String,
}

/// Which kind of role a binding refers to.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub enum RoleKind {
    /// A role of the binding's namespace.
    Role,
    /// A role of the cluster.
    ClusterRole,
}

/// Somebody who has a role.
#[derive(Clone, Debug, Default, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Subject {
    /// `User`, `Group` or `ServiceAccount`. Any other is nobody.
    pub kind: String,
    /// The API group; empty for the only one that the kind can have.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub api_group: String,
    /// The name.
    pub name: String,
    /// A service account's namespace; empty for the binding's own.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
}

/// Whom a subject stands for: two subjects of one value are the same somebody.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::engine) enum Who<'a> {
    /// Everybody of that user name.
    User(Cow<'a, str>),
    /// Everybody in that group.
    Group(&'a str),
}

impl RoleRef {
    /// To a role of the binding's namespace.
    pub fn role(name: impl Into<String>) -> Self {
        Self { api_group: RBAC_GROUP.into(), kind: "Role".into(), name: name.into() }
    }

    /// To a role of the cluster.
    pub fn cluster_role(name: impl Into<String>) -> Self {
        Self { api_group: RBAC_GROUP.into(), kind: "ClusterRole".into(), name: name.into() }
    }

    /// The kind; none for one that is unknown.
    pub fn role_kind(&self) -> Option<RoleKind> {
        match self.kind.as_str() {
            "Role" => Some(RoleKind::Role),
            "ClusterRole" => Some(RoleKind::ClusterRole),
            _ => None,
        }
    }
}

impl Subject {
    /// A user.
    pub fn user(name: impl Into<String>) -> Self {
        Self { kind: "User".into(), api_group: RBAC_GROUP.into(), name: name.into(), ..Self::default() }
    }

    /// A group.
    pub fn group(name: impl Into<String>) -> Self {
        Self { kind: "Group".into(), api_group: RBAC_GROUP.into(), name: name.into(), ..Self::default() }
    }

    /// A service account.
    pub fn service_account(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            kind: "ServiceAccount".into(),
            name: name.into(),
            namespace: namespace.into(),
            ..Self::default()
        }
    }

    /// Whom it stands for in a binding of that namespace. The API group plays no part, nor does a user's or group's namespace.
    pub(in crate::engine) fn who(&self, binding_namespace: Option<&str>) -> Option<Who<'_>> {
        match self.kind.as_str() {
            "User" => Some(Who::User(Cow::Borrowed(&self.name))),
            "Group" => Some(Who::Group(&self.name)),
            "ServiceAccount" => {
                let own = Some(self.namespace.as_str()).filter(|namespace| !namespace.is_empty());
                let namespace = own.or(binding_namespace)?;
                Some(Who::User(format!("system:serviceaccount:{namespace}:{}", self.name).into()))
            }
            _ => None,
        }
    }
}
