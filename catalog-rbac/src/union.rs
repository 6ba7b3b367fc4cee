//! Several authorizers as one.

use std::{borrow::Cow, collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use catalog_core::{
    authorizer::{Attributes, Authorizer, AuthorizerError, Decision, Reason, Rules, Visible},
    identity::Identity,
    name::Namespace,
    permission::Permission,
};

/// Asks several authorizers, and allows what one of them allows and none forbids.
///
/// Those that only [forbid](Self::with_deny) are asked first. If one of them denies, the answer is no; if one gives no answer, there
/// is none. Then those that [allow](Self::with_allow) are asked, in their order: the first that allows or denies has decided. If none has,
/// an error of any is the answer, and without one it is no. So an error never turns into a yes, and a yes of one member holds though
/// another is out of order.
///
/// A member that may be slow has to bring its own deadline; one that runs out is an error like others.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct UnionAuthorizer {
    forbid: Vec<Member>,
    allow: Vec<Member>,
}

#[derive(Clone, Debug)]
struct Member {
    name: Cow<'static, str>,
    authorizer: Arc<dyn Authorizer>,
}

/// A member gave no answer.
#[derive(Debug, thiserror::Error)]
#[error("the authorizer `{member}` gave no answer")]
struct MemberError {
    member: Cow<'static, str>,
    source: AuthorizerError,
}

const NOBODY: Reason = Cow::Borrowed("no authorizer allows it");

impl UnionAuthorizer {
    /// Of nobody, which allows nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more that may only forbid: what it allows counts for nothing.
    ///
    /// For a list over all tenants it is asked cluster-wide, so one that forbids something in a single tenant has to deny it
    /// cluster-wide too.
    pub fn with_deny(mut self, name: impl Into<Cow<'static, str>>, authorizer: impl Authorizer) -> Self {
        self.forbid.push(Member { name: name.into(), authorizer: Arc::new(authorizer) });
        self
    }

    /// With one more that may allow, asked after those before it.
    pub fn with_allow(mut self, name: impl Into<Cow<'static, str>>, authorizer: impl Authorizer) -> Self {
        self.allow.push(Member { name: name.into(), authorizer: Arc::new(authorizer) });
        self
    }

    /// The decision, and the member that made it; none if no member did.
    async fn decided(
        &self,
        identity: &Identity,
        attributes: Attributes<'_>,
    ) -> Result<(Decision, Option<&Member>), AuthorizerError> {
        for member in &self.forbid {
            let decision = member.decide(identity, attributes).await?;
            if matches!(decision, Decision::Deny { .. }) {
                return Ok((decision, Some(member)));
            }
        }
        let mut failed = None;
        for member in &self.allow {
            match member.decide(identity, attributes).await {
                Ok(Decision::NoOpinion { .. }) => {}
                Ok(decision) => {
                    if let Some(error) = &failed {
                        let error: &dyn std::error::Error = error;
                        tracing::warn!(error, decided_by = &*member.name, "an authorizer was passed over");
                    }
                    return Ok((decision, Some(member)));
                }
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok((Decision::NoOpinion { reason: NOBODY }, None)), Err)
    }

    /// Those of the namespaces in which this decides with a yes.
    async fn confirmed(
        &self,
        identity: &Identity,
        permission: &Permission,
        mut namespaces: BTreeSet<Namespace>,
    ) -> Result<Visible, AuthorizerError> {
        let mut refused = Vec::new();
        for namespace in &namespaces {
            let attributes = Attributes::new(permission, Some(namespace), None);
            if !self.decide(identity, attributes).await?.is_allowed() {
                refused.push(namespace.clone());
            }
        }
        for namespace in refused {
            namespaces.remove(&namespace);
        }
        Ok(Visible::Set(namespaces))
    }
}

impl Member {
    async fn decide(
        &self,
        identity: &Identity,
        attributes: Attributes<'_>,
    ) -> Result<Decision, AuthorizerError> {
        self.authorizer.decide(identity, attributes).await.map_err(|error| self.failed(error))
    }

    async fn explain(
        &self,
        identity: &Identity,
        attributes: Attributes<'_>,
    ) -> Result<String, AuthorizerError> {
        let reason = self.authorizer.explain(identity, attributes).await;
        reason.map(|reason| format!("`{}`: {reason}", self.name)).map_err(|error| self.failed(error))
    }

    fn failed(&self, source: AuthorizerError) -> AuthorizerError {
        AuthorizerError::new(MemberError { member: self.name.clone(), source })
    }
}

#[async_trait]
impl Authorizer for UnionAuthorizer {
    async fn decide(
        &self,
        identity: &Identity,
        attributes: Attributes<'_>,
    ) -> Result<Decision, AuthorizerError> {
        self.decided(identity, attributes).await.map(|(decision, _)| decision)
    }

    fn decide_now(&self, identity: &Identity, attributes: Attributes<'_>) -> Option<Decision> {
        for member in &self.forbid {
            let decision = member.authorizer.decide_now(identity, attributes)?;
            if matches!(decision, Decision::Deny { .. }) {
                return Some(decision);
            }
        }
        for member in &self.allow {
            match member.authorizer.decide_now(identity, attributes)? {
                Decision::NoOpinion { .. } => {}
                decision => return Some(decision),
            }
        }
        Some(Decision::NoOpinion { reason: NOBODY })
    }

    /// Names the member that decided; where none did, what each of them says.
    async fn explain(
        &self,
        identity: &Identity,
        attributes: Attributes<'_>,
    ) -> Result<String, AuthorizerError> {
        if let (_, Some(member)) = self.decided(identity, attributes).await? {
            return member.explain(identity, attributes).await;
        }
        let mut reasons = Vec::with_capacity(self.allow.len());
        for member in &self.allow {
            reasons.push(member.explain(identity, attributes).await?);
        }
        Ok(if reasons.is_empty() { NOBODY.into_owned() } else { reasons.join("; ") })
    }

    /// What any member that allows can list. Where others may forbid, not all of it need hold, so it is incomplete.
    async fn rules(&self, identity: &Identity, namespace: &Namespace) -> Result<Rules, AuthorizerError> {
        let mut all = Rules { incomplete: !self.forbid.is_empty(), ..Rules::default() };
        for member in &self.allow {
            match member.authorizer.rules(identity, namespace).await {
                Ok(rules) => {
                    all.incomplete |= rules.incomplete;
                    all.resource_rules.extend(rules.resource_rules);
                }
                Err(error) => {
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(error, member = &*member.name, "the rules of an authorizer are left out");
                    all.incomplete = true;
                }
            }
        }
        Ok(all)
    }

    /// What any member that allows can see, as far as [`decide`](Self::decide) says yes to it: a list shows nothing that a single
    /// question would be refused.
    async fn visible(
        &self,
        identity: &Identity,
        permission: &Permission,
    ) -> Result<Visible, AuthorizerError> {
        let (mut namespaces, mut failed) = (BTreeSet::new(), None);
        for member in &self.allow {
            match member.authorizer.visible(identity, permission).await {
                Ok(Visible::All) => {
                    let everywhere = Attributes::new(permission, None, None);
                    let allowed = self.decide(identity, everywhere).await?.is_allowed();
                    return Ok(if allowed { Visible::All } else { Visible::Set(BTreeSet::new()) });
                }
                Ok(Visible::Set(visible)) => namespaces.extend(visible),
                Err(error) => failed = failed.or(Some(member.failed(error))),
            }
        }
        match (failed, self.forbid.is_empty() && self.allow.len() == 1) {
            (Some(error), _) => Err(error),
            (None, true) => Ok(Visible::Set(namespaces)),
            (None, false) => self.confirmed(identity, permission, namespaces).await,
        }
    }
}
