//! What a request asked to see, and what it may see.

use std::{collections::BTreeSet, fmt, sync::Arc};

use crate::name::Namespace;

/// What a request asked to see. It gives no right to anything: a store takes only a [`TenantScope`].
#[derive(Clone, Debug, Eq, PartialEq, Hash)]
pub enum TenantSelector {
    /// One tenant's objects.
    One(Namespace),
    /// Those of each of these tenants.
    Set(Arc<BTreeSet<Namespace>>),
    /// Those of all tenants.
    All,
}

impl fmt::Display for TenantSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(namespace) => fmt::Display::fmt(namespace, f),
            Self::Set(namespaces) => {
                for (index, namespace) in namespaces.iter().enumerate() {
                    f.write_str(if index == 0 { "" } else { ", " })?;
                    fmt::Display::fmt(namespace, f)?;
                }
                Ok(())
            }
            Self::All => f.write_str("*"),
        }
    }
}

/// What the holder may see and change.
///
/// No store method runs without one, and only [`authorize`](crate::authorizer::authorize) makes one, from an authorizer's verdict:
/// `All` only from a verdict that is cluster-wide. So no filter, cursor, id, cache key or job can widen what a caller sees.
///
/// A handler cannot make its own:
/// ```compile_fail
/// use catalog_core::tenant::{ScopeView, TenantScope};
/// let forged = TenantScope { view: ScopeView::All };
/// ```
/// ```compile_fail
/// use catalog_core::tenant::TenantScope;
/// let forged = TenantScope::all();
/// ```
#[derive(Clone, Eq, PartialEq, Hash)]
pub struct TenantScope(Inner);

#[derive(Clone, Eq, PartialEq, Hash)]
enum Inner {
    One(Namespace),
    Set(Arc<BTreeSet<Namespace>>),
    All,
}

/// A scope, to be read.
#[derive(Clone, Copy, Debug)]
pub enum ScopeView<'a> {
    /// One tenant.
    One(&'a Namespace),
    /// Those tenants; none if it is empty.
    Set(&'a BTreeSet<Namespace>),
    /// Every tenant.
    All,
}

impl TenantScope {
    pub(crate) fn one(namespace: Namespace) -> Self {
        Self(Inner::One(namespace))
    }

    pub(crate) fn set(namespaces: Arc<BTreeSet<Namespace>>) -> Self {
        Self(Inner::Set(namespaces))
    }

    pub(crate) fn all() -> Self {
        Self(Inner::All)
    }

    /// A scope that sees nothing.
    pub fn none() -> Self {
        Self(Inner::Set(Arc::default()))
    }

    /// What either scope sees: both were given by verdicts, and so is this.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        match (self.view(), other.view()) {
            (ScopeView::All, _) | (_, ScopeView::All) => Self::all(),
            (mine, others) => {
                let names = |view: ScopeView<'_>| match view {
                    ScopeView::One(one) => vec![one.clone()],
                    ScopeView::Set(set) => set.iter().cloned().collect(),
                    ScopeView::All => Vec::new(),
                };
                Self::set(Arc::new(names(mine).into_iter().chain(names(others)).collect()))
            }
        }
    }

    /// What the scope holds.
    pub fn view(&self) -> ScopeView<'_> {
        match &self.0 {
            Inner::One(namespace) => ScopeView::One(namespace),
            Inner::Set(namespaces) => ScopeView::Set(namespaces),
            Inner::All => ScopeView::All,
        }
    }

    /// The one tenant of a scope that holds just one by nature. What changes something takes such a scope.
    pub fn single(&self) -> Option<&Namespace> {
        match &self.0 {
            Inner::One(namespace) => Some(namespace),
            Inner::Set(_) | Inner::All => None,
        }
    }

    /// Whether the tenant's objects are within the scope.
    pub fn covers(&self, namespace: &Namespace) -> bool {
        match &self.0 {
            Inner::One(one) => one == namespace,
            Inner::Set(namespaces) => namespaces.contains(namespace),
            Inner::All => true,
        }
    }

    /// A scope of just that tenant, if it is within this one.
    #[must_use]
    pub fn narrow(&self, namespace: &Namespace) -> Option<Self> {
        self.covers(namespace).then(|| Self::one(namespace.clone()))
    }
}

impl fmt::Debug for TenantScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TenantScope::")?;
        self.view().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn namespace(name: &str) -> Namespace {
        Namespace::new(name).unwrap()
    }

    #[test]
    fn a_scope_narrows_and_never_widens() {
        let set = TenantScope::set(Arc::new(["a", "b"].map(namespace).into()));
        assert_eq!(set.narrow(&namespace("a")), Some(TenantScope::one(namespace("a"))));
        assert_eq!(set.narrow(&namespace("c")), None);
        assert_eq!(TenantScope::one(namespace("a")).narrow(&namespace("b")), None);
        assert!(TenantScope::all().narrow(&namespace("c")).is_some());
    }

    #[test]
    fn a_union_sees_what_either_sees() {
        let (a, b) = (TenantScope::one(namespace("a")), TenantScope::one(namespace("b")));
        let both = a.union(&b);
        assert!(
            both.covers(&namespace("a")) && both.covers(&namespace("b")) && !both.covers(&namespace("c"))
        );
        assert!(both.union(&TenantScope::all()).covers(&namespace("c")));
        assert_eq!(TenantScope::none().union(&TenantScope::none()), TenantScope::none());
        assert!(!TenantScope::none().covers(&namespace("a")));
    }

    #[test]
    fn debug_says_what_it_may_see() {
        assert_eq!(format!("{:?}", TenantScope::one(namespace("a"))), r#"TenantScope::One("a")"#);
        assert_eq!(format!("{:?}", TenantScope::all()), "TenantScope::All");
        assert_eq!(format!("{:?}", TenantScope::set(Arc::default())), "TenantScope::Set({})");
    }
}
