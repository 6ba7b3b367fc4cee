//! Who and what the demo knows, and no other profile.

use catalog_core::identity::{Authenticator, Identity};
use catalog_rbac::{authenticate::TokenList, engine::Policy};

use crate::AnyError;

/// The demo's tokens: each with its user and group, and what the group may.
pub(crate) const DEMO: [(&str, &str, &str, &str); 5] = [
    ("demo-team-a-engineer", "ada@team-a.example", "team-a-engineers", "works in team-a"),
    ("demo-team-b-engineer", "ben@team-b.example", "team-b-engineers", "works in team-b"),
    ("demo-team-a-viewer", "vera@team-a.example", "team-a-viewers", "reads team-a"),
    ("demo-operator", "olga@example.com", "operators", "does everything everywhere"),
    ("demo-auditor", "ari@example.com", "auditors", "reads the audit trail alone"),
];

/// The demo's roles.
const ROLES: &str = include_str!("../../sample/roles.yaml");

pub(super) fn tokens() -> Result<TokenList, AnyError> {
    DEMO.iter().try_fold(TokenList::new(), |list, (token, user, group, _)| {
        let identity = Identity::new(*user, Authenticator::Token).with_group(*group);
        Ok(list.with_plain_token(token, identity)?)
    })
}

pub(super) fn policy() -> Result<Policy, AnyError> {
    Ok(Policy::from_manifests([("roles.yaml", ROLES)])?)
}
