//! How much: what a tenant may keep.

use std::{collections::BTreeMap, fmt, sync::Arc};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use catalog_core::{
    directory::{NamespaceDirectory, NotAdmitted, admit},
    name::Namespace,
    store::{
        StoreError, StoreErrorKind,
        hook::{Admission, Stock},
    },
};
use serde::{Deserialize, Serialize};

/// How much each tenant may keep; what is absent is as much as it likes.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quotas {
    /// Each tenant, but for those that are named.
    pub tenant: Stocks,
    /// What is otherwise for single tenants.
    pub tenants: BTreeMap<Namespace, Stocks>,
}

/// How much of each stock.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Stocks {
    /// Assets, of all plugins.
    pub assets: Option<u64>,
    /// Sources, of all plugins.
    pub sources: Option<u64>,
    /// Jobs that wait or run.
    pub live_jobs: Option<u64>,
}

impl Stocks {
    fn of(&self, stock: Stock) -> Option<u64> {
        match stock {
            Stock::Assets => self.assets,
            Stock::Sources => self.sources,
            Stock::LiveJobs => self.live_jobs,
            _ => None,
        }
    }
}

impl Quotas {
    /// How much of a stock the tenant may have. A stock that the tenant's own limits do not name is as everybody's.
    pub fn limit(&self, namespace: &Namespace, stock: Stock) -> Option<u64> {
        self.tenants.get(namespace).and_then(|own| own.of(stock)).or(self.tenant.of(stock))
    }
}

/// Admits the tenants that a directory says are active, with [`Quotas`] that may be replaced at any time. Cheap to clone.
#[derive(Clone)]
pub struct TenantAdmission<D: ?Sized> {
    quotas: Arc<ArcSwap<Quotas>>,
    directory: Arc<D>,
}

impl<D: ?Sized> TenantAdmission<D> {
    /// By that directory and those quotas.
    pub fn new(directory: Arc<D>, quotas: Quotas) -> Self {
        Self { quotas: Arc::new(ArcSwap::from_pointee(quotas)), directory }
    }

    /// Puts other quotas in force.
    pub fn replace(&self, quotas: Quotas) {
        self.quotas.store(Arc::new(quotas));
    }

    /// The quotas in force.
    pub fn quotas(&self) -> Quotas {
        Quotas::clone(&self.quotas.load())
    }
}

/// For a directory outside of the stores' database: what it says is true when it is asked.
#[async_trait]
impl<T: Send> Admission<T> for TenantAdmission<dyn NamespaceDirectory> {
    async fn admit(&self, _: &mut T, namespace: &Namespace) -> Result<(), StoreError> {
        admit(&*self.directory, namespace).await.map_err(|error| {
            let kind = match error {
                NotAdmitted::Unavailable(_) => StoreErrorKind::Unavailable,
                _ => StoreErrorKind::NotAdmitted,
            };
            StoreError::new(kind, error)
        })
    }

    fn limit(&self, namespace: &Namespace, stock: Stock) -> Option<u64> {
        self.quotas.load().limit(namespace, stock)
    }
}

/// For the directory in the stores' own database: what it says stays true until the transaction ends.
#[cfg(feature = "_sql")]
#[async_trait]
impl Admission<catalog_core::store::database::Transaction>
    for TenantAdmission<crate::directory::SqlNamespaceStore>
{
    async fn admit(
        &self,
        transaction: &mut catalog_core::store::database::Transaction,
        namespace: &Namespace,
    ) -> Result<(), StoreError> {
        self.directory.admit_within(transaction, namespace).await
    }

    fn limit(&self, namespace: &Namespace, stock: Stock) -> Option<u64> {
        self.quotas.load().limit(namespace, stock)
    }
}

impl<D: ?Sized> fmt::Debug for TenantAdmission<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TenantAdmission").field(&self.quotas.load()).finish()
    }
}
