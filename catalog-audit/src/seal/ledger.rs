use catalog_core::{
    name::Namespace,
    tenant::{ScopeView, TenantScope},
};

use crate::digest::{Hash, NONE};

/// Whose chain: a tenant's, or nobody's. Only a scope that covers it makes one.
#[derive(Clone, Debug, Eq, PartialEq, Hash)]
pub struct Ledger {
    namespace: String,
    scope: TenantScope,
}

impl Ledger {
    /// That tenant's, if the scope covers it; nobody's is within the scope of all.
    pub fn within(scope: &TenantScope, namespace: Option<&Namespace>) -> Option<Self> {
        let scope = match namespace {
            Some(namespace) => scope.narrow(namespace)?,
            None => Some(scope).filter(|scope| matches!(scope.view(), ScopeView::All))?.clone(),
        };
        Some(Self { namespace: namespace.map(ToString::to_string).unwrap_or_default(), scope })
    }

    /// As [`within`](Self::within), by the name that is stored.
    pub(crate) fn stored(scope: &TenantScope, namespace: &str) -> Option<Self> {
        if namespace.is_empty() {
            return Self::within(scope, None);
        }
        Namespace::new(namespace).ok().and_then(|namespace| Self::within(scope, Some(&namespace)))
    }

    /// The tenant's name; empty where it is nobody's.
    pub fn as_str(&self) -> &str {
        &self.namespace
    }

    /// What whoever reads the chain may see.
    #[cfg(feature = "_sql")]
    pub(crate) fn scope(&self) -> &TenantScope {
        &self.scope
    }
}

/// How far a chain is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Head {
    /// Its last place.
    pub sequence: i64,
    /// The hash of that.
    pub hash: [u8; 32],
    /// Its last block.
    pub number: i64,
    /// The hash of that.
    pub block_hash: [u8; 32],
}

impl Head {
    pub(crate) const EMPTY: Self = Self { sequence: 0, hash: NONE, number: 0, block_hash: NONE };
}

/// The hash of a place: of the place before, of the place, and of what the record says.
pub(crate) fn link(previous: &Hash, sequence: i64, record: &Hash) -> Hash {
    crate::digest::digest("link", &[previous, &sequence.to_be_bytes(), record])
}
