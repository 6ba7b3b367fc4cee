use std::collections::BTreeSet;

use async_trait::async_trait;
use catalog_core::{
    authorizer::{Attributes, Authorizer, AuthorizerError, Decision, Reason, Rules, Visible},
    identity::Identity,
    name::Namespace,
    permission::Permission,
};

/// The group that may do everything in Kubernetes, whatever its policy says.
pub const MASTERS_GROUP: &str = "system:masters";

/// Lets members of [`MASTERS_GROUP`] do everything, and knows nothing of others.
///
/// No policy takes that from them, so it counts only where it is asked for: by who puts this authorizer beside others.
#[derive(Clone, Copy, Debug, Default)]
pub struct MastersAuthorizer;

impl MastersAuthorizer {
    /// Whether the identity is a member.
    pub fn is_master(identity: &Identity) -> bool {
        identity.groups.iter().any(|group| group == MASTERS_GROUP)
    }
}

fn verdict(identity: &Identity) -> Decision {
    if MastersAuthorizer::is_master(identity) {
        Decision::Allow { reason: Reason::Borrowed("the caller is a member of `system:masters`") }
    } else {
        Decision::NoOpinion { reason: Reason::Borrowed("the caller is no member of `system:masters`") }
    }
}

#[async_trait]
impl Authorizer for MastersAuthorizer {
    async fn decide(&self, identity: &Identity, _: Attributes<'_>) -> Result<Decision, AuthorizerError> {
        Ok(verdict(identity))
    }

    fn decide_now(&self, identity: &Identity, _: Attributes<'_>) -> Option<Decision> {
        Some(verdict(identity))
    }

    async fn rules(&self, identity: &Identity, _: &Namespace) -> Result<Rules, AuthorizerError> {
        Ok(if Self::is_master(identity) { Rules::everything() } else { Rules::default() })
    }

    async fn visible(&self, identity: &Identity, _: &Permission) -> Result<Visible, AuthorizerError> {
        Ok(if Self::is_master(identity) { Visible::All } else { Visible::Set(BTreeSet::new()) })
    }
}
