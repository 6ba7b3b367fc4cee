//! Who asks.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

/// Who asks, as an authenticator found out; authorization, audit and jobs all read this one.
#[derive(Clone, Debug, Eq, PartialEq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Identity {
    /// The user's name: `jane@example.com`, `system:serviceaccount:team-a:ci`.
    pub user: String,
    /// The groups, in the order they came.
    pub groups: Vec<String>,
    /// What else the authenticator says: lower-case keys.
    pub extra: BTreeMap<String, Vec<String>>,
    /// Who vouches for it.
    pub authenticator: Authenticator,
}

/// What vouches for an identity.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Authenticator {
    /// Nothing: the caller gave no credential and the operator allows that.
    Anonymous,
    /// The program itself, for work that no request asked for.
    System,
    /// A token of a fixed list.
    Token,
    /// An OpenID Connect token.
    Oidc,
    /// A trusted proxy's headers.
    Proxy,
    /// Kubernetes' TokenReview.
    TokenReview,
}

/// The user name of callers without a credential, as in Kubernetes.
pub const ANONYMOUS_USER: &str = "system:anonymous";
/// The group of callers without a credential, as in Kubernetes.
pub const UNAUTHENTICATED_GROUP: &str = "system:unauthenticated";
/// The group of all callers with a credential, as in Kubernetes.
pub const AUTHENTICATED_GROUP: &str = "system:authenticated";

impl Identity {
    /// An identity without groups.
    pub fn new(user: impl Into<String>, authenticator: Authenticator) -> Self {
        Self { user: user.into(), groups: Vec::new(), extra: BTreeMap::new(), authenticator }
    }

    /// A caller without a credential.
    pub fn anonymous() -> Self {
        Self::new(ANONYMOUS_USER, Authenticator::Anonymous).with_group(UNAUTHENTICATED_GROUP)
    }

    /// The program itself, at that work: `system:catalog:refresh`.
    pub fn system(work: &str) -> Self {
        Self::new(format!("system:catalog:{work}"), Authenticator::System)
    }

    /// With one more group.
    #[must_use]
    pub fn with_group(mut self, group: impl Into<String>) -> Self {
        self.groups.push(group.into());
        self
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.user)
    }
}
