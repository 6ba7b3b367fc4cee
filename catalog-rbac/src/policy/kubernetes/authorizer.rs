use std::sync::Arc;

use async_trait::async_trait;
use catalog_core::{
    authorizer::{Attributes, Authorizer, AuthorizerError, Decision, Rules, Visible},
    identity::Identity,
    name::Namespace,
    permission::Permission,
};

use super::KubernetesPolicy;
use crate::{engine::RbacAuthorizer, sar::SubjectAccessReviewAuthorizer};

/// Decides by the policy of a cluster, in the process, once that was read; until then by asking the cluster. Cheap to clone.
///
/// It never allows what neither does. What else than RBAC may decide in the cluster, such as its webhooks or the group
/// `system:masters`, counts only as long as the cluster is asked.
#[derive(Clone, Debug)]
#[must_use]
pub struct KubernetesAuthorizer {
    policy: KubernetesPolicy,
    engine: RbacAuthorizer,
    fallback: SubjectAccessReviewAuthorizer,
}

impl KubernetesAuthorizer {
    /// By that policy, which somebody has to [run](KubernetesPolicy::run), and until it was read by `fallback`.
    ///
    /// Both are asked for resources of the API group that the fallback is configured for.
    pub fn new(policy: KubernetesPolicy, fallback: SubjectAccessReviewAuthorizer) -> Self {
        let engine = RbacAuthorizer::new(Arc::clone(policy.handle())).with_api_group(fallback.api_group());
        Self { policy, engine, fallback }
    }

    fn now(&self) -> &dyn Authorizer {
        if self.policy.is_synced() { &self.engine } else { &self.fallback }
    }
}

#[async_trait]
impl Authorizer for KubernetesAuthorizer {
    async fn decide(
        &self,
        identity: &Identity,
        attributes: Attributes<'_>,
    ) -> Result<Decision, AuthorizerError> {
        self.now().decide(identity, attributes).await
    }

    fn decide_now(&self, identity: &Identity, attributes: Attributes<'_>) -> Option<Decision> {
        self.now().decide_now(identity, attributes)
    }

    async fn decide_each(
        &self,
        identity: &Identity,
        questions: &[Attributes<'_>],
    ) -> Result<Vec<Decision>, AuthorizerError> {
        self.now().decide_each(identity, questions).await
    }

    async fn explain(
        &self,
        identity: &Identity,
        attributes: Attributes<'_>,
    ) -> Result<String, AuthorizerError> {
        self.now().explain(identity, attributes).await
    }

    async fn rules(&self, identity: &Identity, namespace: &Namespace) -> Result<Rules, AuthorizerError> {
        self.now().rules(identity, namespace).await
    }

    async fn visible(
        &self,
        identity: &Identity,
        permission: &Permission,
    ) -> Result<Visible, AuthorizerError> {
        self.now().visible(identity, permission).await
    }
}
