use std::{borrow::Cow, collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use catalog_core::{
    authorizer::{self, Authorizer, AuthorizerError, Decision, Reason, ResourceRule, Rules},
    identity::Identity,
    name::Namespace,
    permission::{API_GROUP, Permission, Reach},
};

use super::{Attributes, PolicyHandle, ResourceAttributes, Verdict, Visible};

/// Decides by a policy in memory.
///
/// A permission on a plugin's objects is there if the role says the resource, `assets`, or the resource of that plugin,
/// `assets/model`.
#[derive(Clone, Debug)]
#[must_use]
pub struct RbacAuthorizer {
    policy: Arc<PolicyHandle>,
    api_group: Cow<'static, str>,
}

impl RbacAuthorizer {
    /// By that policy, with resources of [`API_GROUP`].
    pub fn new(policy: Arc<PolicyHandle>) -> Self {
        Self { policy, api_group: Cow::Borrowed(API_GROUP) }
    }

    /// With resources of another API group.
    pub fn with_api_group(self, api_group: impl Into<Cow<'static, str>>) -> Self {
        Self { api_group: api_group.into(), ..self }
    }

    /// The policy, to change it.
    pub fn policy(&self) -> &Arc<PolicyHandle> {
        &self.policy
    }

    fn verdict(&self, identity: &Identity, attributes: authorizer::Attributes<'_>) -> Decision {
        let (wide, narrow) = self.questions(attributes.permission, attributes.name, attributes.namespace);
        let snapshot = self.policy.load();
        let mut questions = [Some(wide), narrow].into_iter().flatten().map(Attributes::from);
        decision(questions.any(|question| snapshot.decide(identity, &question).is_allowed()))
    }

    /// What a permission asks for: of the resource, and of the plugin's part of it.
    fn questions<'a>(
        &'a self,
        permission: &'a Permission,
        name: Option<&'a str>,
        namespace: Option<&'a Namespace>,
    ) -> (ResourceAttributes<'a>, Option<ResourceAttributes<'a>>) {
        let namespace = namespace.filter(|_| permission.reach != Reach::Cluster);
        let wide =
            ResourceAttributes::new(permission.verb.as_str(), &self.api_group, permission.resource.as_str())
                .with_name(name.unwrap_or_default())
                .in_namespace(namespace.map(Namespace::as_str).unwrap_or_default());
        let plugin = permission.plugin.as_deref().filter(|plugin| !plugin.is_empty());
        (wide, plugin.map(|plugin| wide.with_subresource(plugin)))
    }
}

fn decision(is_allowed: bool) -> Decision {
    if is_allowed {
        Decision::Allow { reason: Reason::Borrowed("RBAC: allowed by a binding") }
    } else {
        Decision::NoOpinion { reason: Reason::Borrowed("RBAC: no binding allows it") }
    }
}

#[async_trait]
impl Authorizer for RbacAuthorizer {
    async fn decide(
        &self,
        identity: &Identity,
        attributes: authorizer::Attributes<'_>,
    ) -> Result<Decision, AuthorizerError> {
        Ok(self.verdict(identity, attributes))
    }

    fn decide_now(&self, identity: &Identity, attributes: authorizer::Attributes<'_>) -> Option<Decision> {
        Some(self.verdict(identity, attributes))
    }

    /// Looks up the identity once.
    async fn decide_each(
        &self,
        identity: &Identity,
        questions: &[authorizer::Attributes<'_>],
    ) -> Result<Vec<Decision>, AuthorizerError> {
        let snapshot = self.policy.load();
        let resolved = snapshot.resolve(identity);
        let allows = |question: ResourceAttributes<'_>| {
            let verdict = snapshot.decide_resolved(&resolved, &question.into());
            verdict.map(Verdict::is_allowed).map_err(AuthorizerError::new)
        };
        let decide = |question: &authorizer::Attributes<'_>| {
            let (wide, narrow) = self.questions(question.permission, question.name, question.namespace);
            Ok(decision(allows(wide)? || narrow.map_or(Ok(false), allows)?))
        };
        questions.iter().map(decide).collect()
    }

    async fn explain(
        &self,
        identity: &Identity,
        attributes: authorizer::Attributes<'_>,
    ) -> Result<String, AuthorizerError> {
        let (wide, narrow) = self.questions(attributes.permission, attributes.name, attributes.namespace);
        let snapshot = self.policy.load();
        let mut questions = [Some(wide), narrow].into_iter().flatten().map(Attributes::from);
        let reason = questions.find_map(|question| snapshot.reason(identity, &question));
        Ok(reason.unwrap_or_else(|| snapshot.explain(identity, &wide.into()).to_string()))
    }

    async fn rules(&self, identity: &Identity, namespace: &Namespace) -> Result<Rules, AuthorizerError> {
        let review = self.policy.load().rules(identity, namespace.as_str());
        let rule = |rule: super::ResourceRule| ResourceRule {
            verbs: rule.verbs,
            api_groups: rule.api_groups,
            resources: rule.resources,
            resource_names: rule.resource_names,
        };
        Ok(Rules { resource_rules: review.resource_rules.into_iter().map(rule).collect(), incomplete: false })
    }

    async fn visible(
        &self,
        identity: &Identity,
        permission: &Permission,
    ) -> Result<authorizer::Visible, AuthorizerError> {
        let (wide, narrow) = self.questions(permission, None, None);
        let snapshot = self.policy.load();
        let mut namespaces = BTreeSet::new();
        for question in [Some(wide), narrow].into_iter().flatten() {
            match snapshot.visible(identity, &question) {
                Visible::All => return Ok(authorizer::Visible::All),
                Visible::Some(_) if permission.reach == Reach::Cluster => {}
                Visible::Some(visible) => namespaces.extend(visible.iter().cloned()),
            }
        }
        Ok(authorizer::Visible::Set(namespaces))
    }
}
