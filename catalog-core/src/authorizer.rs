//! May they: the verdict, and the one function that turns it into a [`TenantScope`].

use std::{collections::BTreeSet, error::Error, fmt, sync::Arc};

use async_trait::async_trait;

use crate::{
    identity::Identity,
    name::Namespace,
    permission::{Permission, Reach},
    tenant::{TenantScope, TenantSelector},
};

/// What is asked of an authorizer.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Attributes<'a> {
    /// The verb, resource and plugin.
    pub permission: &'a Permission,
    /// The tenant; none asks for the right in the whole cluster.
    pub namespace: Option<&'a Namespace>,
    /// The object or action, where one is named.
    pub name: Option<&'a str>,
}

/// An authorizer's answer. Exhaustive on purpose: who matches on it must hear of a new one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Decision {
    /// Yes.
    Allow {
        /// What allows it, for logs and audit.
        reason: String,
    },
    /// No, whatever others say.
    Deny {
        /// What forbids it.
        reason: String,
    },
    /// Neither: another authorizer may know, and if none does it is no.
    NoOpinion {
        /// Why.
        reason: String,
    },
}

/// Which tenants somebody may do a thing in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Visible {
    /// In all, by a right that is cluster-wide.
    All,
    /// In those.
    Set(BTreeSet<Namespace>),
}

/// An authorizer could not answer. That is never a yes.
#[derive(Debug, thiserror::Error)]
#[error("the authorizer gave no answer")]
pub struct AuthorizerError {
    source: Box<dyn Error + Send + Sync>,
}

impl AuthorizerError {
    /// For that cause.
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { source: source.into() }
    }
}

/// Says who may do what.
#[async_trait]
pub trait Authorizer: Send + Sync + fmt::Debug + 'static {
    /// Whether `identity` may do what `attributes` say.
    ///
    /// # Errors
    /// [`AuthorizerError`] when it cannot tell; the caller refuses.
    async fn decide(
        &self,
        identity: &Identity,
        attributes: Attributes<'_>,
    ) -> Result<Decision, AuthorizerError>;

    /// The tenants in which `identity` has the permission, for a list over all of them.
    ///
    /// # Errors
    /// [`AuthorizerError`] when it cannot tell; the caller refuses.
    async fn visible(&self, identity: &Identity, permission: &Permission)
    -> Result<Visible, AuthorizerError>;
}

#[async_trait]
impl<T: Authorizer + ?Sized> Authorizer for Arc<T> {
    async fn decide(
        &self,
        identity: &Identity,
        attributes: Attributes<'_>,
    ) -> Result<Decision, AuthorizerError> {
        (**self).decide(identity, attributes).await
    }

    async fn visible(
        &self,
        identity: &Identity,
        permission: &Permission,
    ) -> Result<Visible, AuthorizerError> {
        (**self).visible(identity, permission).await
    }
}

/// Lets everybody do everything. It exists for a single team behind its own door, for the program's own work, and for tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct InsecureAllowAll;

#[async_trait]
impl Authorizer for InsecureAllowAll {
    async fn decide(&self, _: &Identity, _: Attributes<'_>) -> Result<Decision, AuthorizerError> {
        Ok(Decision::Allow { reason: "authorization is switched off".into() })
    }

    async fn visible(&self, _: &Identity, _: &Permission) -> Result<Visible, AuthorizerError> {
        Ok(Visible::All)
    }
}

/// Why no scope was given.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The verdict is no. The text names what was asked and nothing about what exists.
    #[error("`{user}` may not {permission}{}", place(.namespace.as_ref()))]
    Forbidden {
        /// Who asked.
        user: String,
        /// What for.
        permission: Permission,
        /// Where.
        namespace: Option<TenantSelector>,
        /// Why not: for the log, not for the caller.
        reason: String,
    },
    /// The route is some tenant's and none was named.
    #[error("a namespace is required")]
    TenantRequired,
    /// The route is one tenant's and all were asked for.
    #[error("the route serves one namespace, not all of them")]
    AllNotServed,
    /// There is no verdict.
    #[error("the authorizer is unavailable")]
    Unavailable(#[source] AuthorizerError),
}

fn place(namespace: Option<&TenantSelector>) -> String {
    match namespace {
        None => " in the cluster".into(),
        Some(TenantSelector::All) => " in all namespaces".into(),
        Some(set @ TenantSelector::Set(_)) => format!(" in each of the namespaces {set}"),
        Some(TenantSelector::One(namespace)) => format!(" in namespace `{namespace}`"),
    }
}

/// What a verdict allows.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Granted {
    /// The tenants; none for a route that is nobody's.
    pub scope: Option<TenantScope>,
    /// What allowed it.
    pub reason: String,
}

/// Asks the authorizer whether `identity` has the permission where the request wants it, and gives the scope that follows.
///
/// Only this and [`authorize_visible`] make a [`TenantScope`]. A request for all tenants gives every tenant for a cluster-wide right,
/// else 403; one for a set of tenants gives the set if each of them allows it, else 403.
///
/// # Errors
/// [`Refusal`]: whatever is not a clear yes.
pub async fn authorize<A: Authorizer + ?Sized>(
    authorizer: &A,
    identity: &Identity,
    permission: &Permission,
    selector: Option<&TenantSelector>,
    name: Option<&str>,
) -> Result<Granted, Refusal> {
    let selector = match (permission.reach, selector) {
        (Reach::Cluster, _) => None,
        (_, None) => return Err(Refusal::TenantRequired),
        (Reach::Tenant, Some(TenantSelector::All | TenantSelector::Set(_))) => {
            return Err(Refusal::AllNotServed);
        }
        (_, Some(selector)) => Some(selector),
    };
    let question = Question { authorizer, identity, permission, name, asked: selector };
    let (scope, reason) = match selector {
        None => (None, question.put(None).await?),
        Some(TenantSelector::One(namespace)) => {
            (Some(TenantScope::one(namespace.clone())), question.put(Some(namespace)).await?)
        }
        // asked without a namespace: the right is cluster-wide
        Some(TenantSelector::All) => (Some(TenantScope::all()), question.put(None).await?),
        Some(TenantSelector::Set(namespaces)) => {
            let mut reason = String::new();
            for namespace in namespaces.iter() {
                reason = question.put(Some(namespace)).await?;
            }
            (Some(TenantScope::set(Arc::clone(namespaces))), reason)
        }
    };
    Ok(Granted { scope, reason })
}

/// One request's question, which may have to be put for several tenants.
struct Question<'a, A: ?Sized> {
    authorizer: &'a A,
    identity: &'a Identity,
    permission: &'a Permission,
    name: Option<&'a str>,
    asked: Option<&'a TenantSelector>,
}

impl<A: Authorizer + ?Sized> Question<'_, A> {
    /// Why it is allowed there; none is the cluster.
    async fn put(&self, namespace: Option<&Namespace>) -> Result<String, Refusal> {
        let attributes = Attributes { permission: self.permission, namespace, name: self.name };
        match self.authorizer.decide(self.identity, attributes).await.map_err(Refusal::Unavailable)? {
            Decision::Allow { reason } => Ok(reason),
            Decision::Deny { reason } | Decision::NoOpinion { reason } => Err(Refusal::Forbidden {
                user: self.identity.user.clone(),
                permission: self.permission.clone(),
                namespace: self.asked.cloned(),
                reason,
            }),
        }
    }
}

/// The scope of every tenant in which `identity` has the permission: everywhere, or in a set of them.
///
/// # Errors
/// [`Refusal::Unavailable`] without a verdict. A caller without any right gets an empty scope, which sees nothing.
pub async fn authorize_visible<A: Authorizer + ?Sized>(
    authorizer: &A,
    identity: &Identity,
    permission: &Permission,
) -> Result<TenantScope, Refusal> {
    match authorizer.visible(identity, permission).await.map_err(Refusal::Unavailable)? {
        Visible::All => Ok(TenantScope::all()),
        Visible::Set(namespaces) => Ok(TenantScope::set(Arc::new(namespaces))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::permission::{Resource, Verb};

    /// Allows one tenant, forbids another, knows no more, and fails on a third.
    #[derive(Debug)]
    struct Fixed;

    #[async_trait]
    impl Authorizer for Fixed {
        async fn decide(
            &self,
            _: &Identity,
            attributes: Attributes<'_>,
        ) -> Result<Decision, AuthorizerError> {
            let reason = String::from("table");
            match attributes.namespace.map(Namespace::as_str) {
                Some("mine") => Ok(Decision::Allow { reason }),
                Some("denied") => Ok(Decision::Deny { reason }),
                Some("broken") => Err(AuthorizerError::new("down")),
                _ => Ok(Decision::NoOpinion { reason }),
            }
        }

        async fn visible(&self, _: &Identity, _: &Permission) -> Result<Visible, AuthorizerError> {
            Ok(Visible::Set(BTreeSet::from([Namespace::new("mine").unwrap()])))
        }
    }

    fn one(name: &str) -> TenantSelector {
        TenantSelector::One(Namespace::new(name).unwrap())
    }

    async fn ask(reach: Reach, selector: impl Into<Option<TenantSelector>>) -> Result<Granted, Refusal> {
        let selector = selector.into();
        let permission = Permission::new(Verb::List, Resource::Assets, reach);
        authorize(&Fixed, &Identity::anonymous(), &permission, selector.as_ref(), None).await
    }

    #[tokio::test]
    async fn only_a_clear_yes_gives_a_scope() {
        let granted = ask(Reach::Tenant, one("mine")).await.unwrap();
        assert_eq!(granted.scope.unwrap().single().unwrap().as_str(), "mine");
        for other in ["denied", "unknown"] {
            assert!(
                matches!(ask(Reach::Tenant, one(other)).await, Err(Refusal::Forbidden { .. })),
                "{other}"
            );
        }
        assert!(matches!(ask(Reach::Tenant, one("broken")).await, Err(Refusal::Unavailable(_))));
        assert!(matches!(ask(Reach::Tenant, None).await, Err(Refusal::TenantRequired)));
    }

    #[tokio::test]
    async fn all_tenants_need_a_route_that_serves_them_and_a_cluster_wide_right() {
        assert!(matches!(ask(Reach::Tenant, Some(TenantSelector::All)).await, Err(Refusal::AllNotServed)));
        assert!(matches!(
            ask(Reach::TenantOrAll, Some(TenantSelector::All)).await,
            Err(Refusal::Forbidden { .. })
        ));
        let permission = Permission::new(Verb::List, Resource::Assets, Reach::TenantOrAll);
        let all = authorize(
            &InsecureAllowAll,
            &Identity::anonymous(),
            &permission,
            Some(&TenantSelector::All),
            None,
        )
        .await;
        assert_eq!(all.unwrap().scope, Some(TenantScope::all()));
    }

    #[tokio::test]
    async fn a_set_of_tenants_needs_the_right_in_each() {
        let set = |names: &[&str]| {
            TenantSelector::Set(Arc::new(names.iter().map(|name| name.parse().unwrap()).collect()))
        };
        let granted = ask(Reach::TenantOrAll, set(&["mine"])).await.unwrap().scope.unwrap();
        assert_eq!(format!("{granted:?}"), r#"TenantScope::Set({"mine"})"#);
        assert!(granted.single().is_none(), "nothing is changed by it");
        for names in [&["mine", "unknown"][..], &["denied", "mine"]] {
            assert!(matches!(ask(Reach::TenantOrAll, set(names)).await, Err(Refusal::Forbidden { .. })));
        }
        assert!(matches!(ask(Reach::TenantOrAll, set(&["broken"])).await, Err(Refusal::Unavailable(_))));
        assert!(matches!(ask(Reach::Tenant, set(&["mine"])).await, Err(Refusal::AllNotServed)));
        let nothing = ask(Reach::TenantOrAll, set(&[])).await.unwrap().scope.unwrap();
        assert!(!nothing.covers(&"mine".parse().unwrap()), "an empty set is nobody's");
    }

    #[tokio::test]
    async fn a_refusal_names_what_was_asked() {
        let refusal = ask(Reach::Tenant, one("denied")).await.unwrap_err();
        assert_eq!(refusal.to_string(), "`system:anonymous` may not list assets in namespace `denied`");
    }
}
