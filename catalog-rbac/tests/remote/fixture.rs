//! Who asks, for what, and authorizers that answer as they are told.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use catalog_core::{
    authorizer::{Attributes, Authorizer, AuthorizerError, Decision, Reason, Visible},
    identity::{Authenticator, Identity},
    name::Namespace,
    permission::{Permission, Reach, Resource, Verb},
};

/// Somebody without groups.
pub(crate) fn user(name: &str) -> Identity {
    Identity::new(name, Authenticator::Token)
}

/// To list assets, in a tenant or in all.
pub(crate) fn list_assets() -> Permission {
    Permission::new(Verb::List, Resource::Assets, Reach::TenantOrAll)
}

/// The name of a tenant.
pub(crate) fn namespace(name: &str) -> Namespace {
    name.parse().unwrap()
}

/// The names of tenants.
pub(crate) fn namespaces(names: &[&str]) -> Visible {
    Visible::Set(names.iter().map(|name| namespace(name)).collect())
}

/// What somebody may do in a tenant, or in the cluster.
pub(crate) async fn decide(
    authorizer: &dyn Authorizer,
    identity: &Identity,
    permission: &Permission,
    tenant: Option<&str>,
) -> Result<Decision, AuthorizerError> {
    let tenant = tenant.map(namespace);
    authorizer.decide(identity, Attributes::new(permission, tenant.as_ref(), None)).await
}

/// What is known of it without waiting.
pub(crate) fn decide_now(
    authorizer: &dyn Authorizer,
    identity: &Identity,
    permission: &Permission,
    tenant: Option<&str>,
) -> Option<Decision> {
    let tenant = tenant.map(namespace);
    authorizer.decide_now(identity, Attributes::new(permission, tenant.as_ref(), None))
}

/// An error with all its causes.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let rest = std::iter::successors(Some(error), |error| error.source());
    rest.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// What a [`Scripted`] says.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Says {
    Allow,
    Deny,
    Nothing,
    Fails,
    /// Never comes back.
    Hangs,
}

/// Answers as it is told: first by tenant, else in general.
#[derive(Clone, Debug)]
pub(crate) struct Scripted {
    general: Says,
    by_tenant: Vec<(&'static str, Says)>,
    immediate: bool,
    pub(crate) asked: Arc<AtomicUsize>,
}

impl Scripted {
    pub(crate) fn new(general: Says) -> Self {
        Self { general, by_tenant: Vec::new(), immediate: true, asked: Arc::default() }
    }

    pub(crate) fn but(mut self, tenant: &'static str, says: Says) -> Self {
        self.by_tenant.push((tenant, says));
        self
    }

    /// Knows nothing without waiting.
    pub(crate) fn later(mut self) -> Self {
        self.immediate = false;
        self
    }

    fn says(&self, attributes: Attributes<'_>) -> Says {
        let tenant = attributes.namespace.map(Namespace::as_str);
        let found = self.by_tenant.iter().find(|(name, _)| Some(*name) == tenant);
        found.map_or(self.general, |(_, says)| *says)
    }

    async fn answer(says: Says) -> Result<Decision, AuthorizerError> {
        let reason = Reason::from("scripted");
        match says {
            Says::Allow => Ok(Decision::Allow { reason }),
            Says::Deny => Ok(Decision::Deny { reason }),
            Says::Nothing => Ok(Decision::NoOpinion { reason }),
            Says::Fails => Err(AuthorizerError::new("out of order")),
            Says::Hangs => {
                tokio::time::sleep(Duration::from_hours(1)).await;
                Ok(Decision::Allow { reason })
            }
        }
    }
}

#[async_trait]
impl Authorizer for Scripted {
    async fn decide(&self, _: &Identity, attributes: Attributes<'_>) -> Result<Decision, AuthorizerError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Self::answer(self.says(attributes)).await
    }

    fn decide_now(&self, _: &Identity, attributes: Attributes<'_>) -> Option<Decision> {
        let reason = Reason::from("scripted");
        match self.says(attributes) {
            _ if !self.immediate => None,
            Says::Allow => Some(Decision::Allow { reason }),
            Says::Deny => Some(Decision::Deny { reason }),
            Says::Nothing => Some(Decision::NoOpinion { reason }),
            Says::Fails | Says::Hangs => None,
        }
    }

    async fn visible(&self, _: &Identity, _: &Permission) -> Result<Visible, AuthorizerError> {
        if Self::answer(self.general).await?.is_allowed() {
            return Ok(Visible::All);
        }
        let allowed = self.by_tenant.iter().filter(|(_, says)| matches!(says, Says::Allow));
        Ok(Visible::Set(allowed.map(|(name, _)| namespace(name)).collect::<BTreeSet<_>>()))
    }
}
