//! May they: the verdict, and the one function that turns it into a [`TenantScope`].

use std::{borrow::Cow, collections::BTreeSet, error::Error, fmt, sync::Arc};

use async_trait::async_trait;
use serde::Serialize;

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

impl<'a> Attributes<'a> {
    /// Whether that permission is there in the tenant, on the object of that name.
    pub fn new(permission: &'a Permission, namespace: Option<&'a Namespace>, name: Option<&'a str>) -> Self {
        Self { permission, namespace, name }
    }
}

/// An authorizer's answer. Exhaustive on purpose: who matches on it must hear of a new one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Decision {
    /// Yes.
    Allow {
        /// What allows it, in short.
        reason: Reason,
    },
    /// No, whatever others say.
    Deny {
        /// What forbids it.
        reason: Reason,
    },
    /// Neither: another authorizer may know, and if none does it is no.
    NoOpinion {
        /// Why.
        reason: Reason,
    },
}

/// Why a decision is as it is, for logs and audit. It is short, so that deciding costs nothing; an authorizer
/// [explains](Authorizer::explain) itself where somebody wants to know more.
pub type Reason = Cow<'static, str>;

impl Decision {
    /// Whether it is a clear yes.
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allow { .. })
    }

    /// Why.
    pub fn reason(&self) -> &str {
        match self {
            Self::Allow { reason } | Self::Deny { reason } | Self::NoOpinion { reason } => reason,
        }
    }
}

/// Which tenants somebody may do a thing in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Visible {
    /// In all, by a right that is cluster-wide.
    All,
    /// In those.
    Set(BTreeSet<Namespace>),
}

/// What somebody may do in a tenant, as a list: for people and programs to read, and never to decide by.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rules {
    /// What may be done to resources.
    pub resource_rules: Vec<ResourceRule>,
    /// The authorizer cannot list everything that it would allow.
    pub incomplete: bool,
}

impl Rules {
    /// That everything may be done.
    pub fn everything() -> Self {
        let any = || vec!["*".to_owned()];
        let rule =
            ResourceRule { verbs: any(), api_groups: any(), resources: any(), resource_names: Vec::new() };
        Self { resource_rules: vec![rule], incomplete: false }
    }
}

/// One rule: each of the verbs for each of the resources. `*` is any.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceRule {
    /// The verbs.
    pub verbs: Vec<String>,
    /// The API groups of the resources.
    pub api_groups: Vec<String>,
    /// The resources.
    pub resources: Vec<String>,
    /// The names of the objects; none is all of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resource_names: Vec<String>,
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

    /// What [`decide`](Self::decide) would say, if it is known without waiting.
    fn decide_now(&self, identity: &Identity, attributes: Attributes<'_>) -> Option<Decision> {
        let _ = (identity, attributes);
        None
    }

    /// [Decides](Self::decide) several questions about the same identity, in their order.
    ///
    /// # Errors
    /// [`AuthorizerError`] when it cannot tell one of them.
    async fn decide_each(
        &self,
        identity: &Identity,
        questions: &[Attributes<'_>],
    ) -> Result<Vec<Decision>, AuthorizerError> {
        let mut decisions = Vec::with_capacity(questions.len());
        for question in questions {
            decisions.push(self.decide(identity, *question).await?);
        }
        Ok(decisions)
    }

    /// Why [`decide`](Self::decide) says what it says, in full: it names what allows or forbids.
    ///
    /// # Errors
    /// [`AuthorizerError`] when it cannot tell.
    async fn explain(
        &self,
        identity: &Identity,
        attributes: Attributes<'_>,
    ) -> Result<String, AuthorizerError> {
        Ok(self.decide(identity, attributes).await?.reason().to_owned())
    }

    /// What `identity` may do in the tenant. An authorizer that can list nothing says that it is incomplete.
    ///
    /// # Errors
    /// [`AuthorizerError`] when it cannot tell.
    async fn rules(&self, identity: &Identity, namespace: &Namespace) -> Result<Rules, AuthorizerError> {
        let _ = (identity, namespace);
        Ok(Rules { resource_rules: Vec::new(), incomplete: true })
    }

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

    fn decide_now(&self, identity: &Identity, attributes: Attributes<'_>) -> Option<Decision> {
        (**self).decide_now(identity, attributes)
    }

    async fn decide_each(
        &self,
        identity: &Identity,
        questions: &[Attributes<'_>],
    ) -> Result<Vec<Decision>, AuthorizerError> {
        (**self).decide_each(identity, questions).await
    }

    async fn explain(
        &self,
        identity: &Identity,
        attributes: Attributes<'_>,
    ) -> Result<String, AuthorizerError> {
        (**self).explain(identity, attributes).await
    }

    async fn rules(&self, identity: &Identity, namespace: &Namespace) -> Result<Rules, AuthorizerError> {
        (**self).rules(identity, namespace).await
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

const OFF: Reason = Cow::Borrowed("authorization is switched off");

#[async_trait]
impl Authorizer for InsecureAllowAll {
    async fn decide(&self, _: &Identity, _: Attributes<'_>) -> Result<Decision, AuthorizerError> {
        Ok(Decision::Allow { reason: OFF })
    }

    fn decide_now(&self, _: &Identity, _: Attributes<'_>) -> Option<Decision> {
        Some(Decision::Allow { reason: OFF })
    }

    async fn rules(&self, _: &Identity, _: &Namespace) -> Result<Rules, AuthorizerError> {
        Ok(Rules::everything())
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
        reason: Reason,
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
    pub reason: Reason,
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
    let question = Question::new(identity, permission, selector, name)?;
    let mut granted = question.grant();
    let mut each = question.each();
    let (first, rest) = (each.next(), each.collect::<Vec<_>>());
    if let Some(attributes) = first {
        let decision = authorizer.decide(identity, attributes).await.map_err(Refusal::Unavailable)?;
        granted.reason = question.allowed(decision)?;
    }
    if !rest.is_empty() {
        for decision in authorizer.decide_each(identity, &rest).await.map_err(Refusal::Unavailable)? {
            granted.reason = question.allowed(decision)?;
        }
    }
    Ok(granted)
}

/// What [`authorize`] would give, if the authorizer knows without waiting.
///
/// # Errors
/// Those of [`authorize`] but [`Refusal::Unavailable`].
pub fn authorize_now<A: Authorizer + ?Sized>(
    authorizer: &A,
    identity: &Identity,
    permission: &Permission,
    selector: Option<&TenantSelector>,
    name: Option<&str>,
) -> Option<Result<Granted, Refusal>> {
    let question = match Question::new(identity, permission, selector, name) {
        Ok(question) => question,
        Err(refusal) => return Some(Err(refusal)),
    };
    let mut granted = question.grant();
    for attributes in question.each() {
        match question.allowed(authorizer.decide_now(identity, attributes)?) {
            Ok(reason) => granted.reason = reason,
            Err(refusal) => return Some(Err(refusal)),
        }
    }
    Some(Ok(granted))
}

/// One request's question, which may have to be put for several tenants.
struct Question<'a> {
    identity: &'a Identity,
    permission: &'a Permission,
    name: Option<&'a str>,
    asked: Option<&'a TenantSelector>,
}

impl<'a> Question<'a> {
    fn new(
        identity: &'a Identity,
        permission: &'a Permission,
        selector: Option<&'a TenantSelector>,
        name: Option<&'a str>,
    ) -> Result<Self, Refusal> {
        let asked = match (permission.reach, selector) {
            (Reach::Cluster, _) => None,
            (_, None) => return Err(Refusal::TenantRequired),
            (Reach::Tenant, Some(TenantSelector::All | TenantSelector::Set(_))) => {
                return Err(Refusal::AllNotServed);
            }
            (_, Some(selector)) => Some(selector),
        };
        Ok(Self { identity, permission, name, asked })
    }

    /// What is asked of the authorizer, all of which it must allow. Without a namespace the right is one in the whole cluster.
    fn each(&self) -> impl Iterator<Item = Attributes<'a>> {
        let (one, set) = match self.asked {
            None | Some(TenantSelector::All) => (Some(None), None),
            Some(TenantSelector::One(namespace)) => (Some(Some(namespace)), None),
            Some(TenantSelector::Set(namespaces)) => (None, Some(namespaces.iter().map(Some))),
        };
        let (permission, name) = (self.permission, self.name);
        let namespaces = one.into_iter().chain(set.into_iter().flatten());
        namespaces.map(move |namespace| Attributes { permission, namespace, name })
    }

    /// What follows if everything is allowed.
    fn grant(&self) -> Granted {
        let scope = self.asked.map(|asked| match asked {
            TenantSelector::One(namespace) => TenantScope::one(namespace.clone()),
            TenantSelector::Set(namespaces) => TenantScope::set(Arc::clone(namespaces)),
            TenantSelector::All => TenantScope::all(),
        });
        Granted { scope, reason: Reason::default() }
    }

    /// Why it is allowed.
    fn allowed(&self, decision: Decision) -> Result<Reason, Refusal> {
        match decision {
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
            let reason = Reason::from("table");
            match attributes.namespace.map(Namespace::as_str) {
                Some("mine") => Ok(Decision::Allow { reason }),
                Some("denied") => Ok(Decision::Deny { reason }),
                Some("broken") => Err(AuthorizerError::new("down")),
                _ => Ok(Decision::NoOpinion { reason }),
            }
        }

        fn decide_now(&self, _: &Identity, attributes: Attributes<'_>) -> Option<Decision> {
            let reason = Reason::from("table");
            match attributes.namespace.map(Namespace::as_str) {
                Some("mine") => Some(Decision::Allow { reason }),
                Some("denied") => Some(Decision::Deny { reason }),
                _ => None,
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
        let identity = Identity::anonymous();
        let later = authorize(&Fixed, &identity, &permission, selector.as_ref(), None).await;
        match (authorize_now(&Fixed, &identity, &permission, selector.as_ref(), None), &later) {
            (None, _) => {}
            (Some(Ok(now)), Ok(later)) => assert_eq!(now, *later),
            (Some(Err(now)), Err(later)) => assert_eq!(now.to_string(), later.to_string()),
            (now, later) => panic!("{now:?} and then {later:?}"),
        }
        later
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
