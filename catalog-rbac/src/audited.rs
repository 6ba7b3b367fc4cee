//! An authorizer whose decisions somebody hears of.

use std::fmt;

use async_trait::async_trait;
use catalog_core::{
    authorizer::{Attributes, Authorizer, AuthorizerError, Decision, Rules, Visible},
    identity::Identity,
    name::Namespace,
    permission::Permission,
};

/// Tells an observer of every decision of another authorizer, once each: for a log, a counter or a trail of refusals.
///
/// The observer is called before the decision is given on, so it should be quick. What may be seen and what is listed as rules decides
/// nothing, and is not told.
#[derive(Clone)]
#[must_use]
pub struct AuditedAuthorizer<A, O> {
    inner: A,
    observer: O,
}

impl<A, O> AuditedAuthorizer<A, O>
where
    A: Authorizer,
    O: Fn(&Identity, Attributes<'_>, Result<&Decision, &AuthorizerError>) + Send + Sync + 'static,
{
    /// Decides by `inner`, and tells `observer`.
    pub fn new(inner: A, observer: O) -> Self {
        Self { inner, observer }
    }
}

impl<A: fmt::Debug, O> fmt::Debug for AuditedAuthorizer<A, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditedAuthorizer").field("inner", &self.inner).finish_non_exhaustive()
    }
}

#[async_trait]
impl<A, O> Authorizer for AuditedAuthorizer<A, O>
where
    A: Authorizer,
    O: Fn(&Identity, Attributes<'_>, Result<&Decision, &AuthorizerError>) + Send + Sync + 'static,
{
    async fn decide(
        &self,
        identity: &Identity,
        attributes: Attributes<'_>,
    ) -> Result<Decision, AuthorizerError> {
        let decision = self.inner.decide(identity, attributes).await;
        (self.observer)(identity, attributes, decision.as_ref());
        decision
    }

    /// Tells only of what is known: else it will be asked for again, and told then.
    fn decide_now(&self, identity: &Identity, attributes: Attributes<'_>) -> Option<Decision> {
        let decision = self.inner.decide_now(identity, attributes)?;
        (self.observer)(identity, attributes, Ok(&decision));
        Some(decision)
    }

    async fn decide_each(
        &self,
        identity: &Identity,
        questions: &[Attributes<'_>],
    ) -> Result<Vec<Decision>, AuthorizerError> {
        let decisions = self.inner.decide_each(identity, questions).await;
        for (position, question) in questions.iter().enumerate() {
            match &decisions {
                Ok(decisions) => {
                    if let Some(decision) = decisions.get(position) {
                        (self.observer)(identity, *question, Ok(decision));
                    }
                }
                Err(error) => (self.observer)(identity, *question, Err(error)),
            }
        }
        decisions
    }

    async fn explain(
        &self,
        identity: &Identity,
        attributes: Attributes<'_>,
    ) -> Result<String, AuthorizerError> {
        self.inner.explain(identity, attributes).await
    }

    async fn rules(&self, identity: &Identity, namespace: &Namespace) -> Result<Rules, AuthorizerError> {
        self.inner.rules(identity, namespace).await
    }

    async fn visible(
        &self,
        identity: &Identity,
        permission: &Permission,
    ) -> Result<Visible, AuthorizerError> {
        self.inner.visible(identity, permission).await
    }
}
