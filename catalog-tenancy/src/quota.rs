//! How much: what a tenant may keep.

#[cfg(feature = "_sql")]
use std::fmt;
use std::{collections::BTreeMap, sync::Arc};

use arc_swap::ArcSwap;
use async_trait::async_trait;
#[cfg(feature = "_sql")]
use catalog_core::store::{database::Transaction, hook::Recorder};
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

/// Quotas in force, which may be replaced at any time. Cheap to clone; clones are one.
#[derive(Clone, Debug, Default)]
pub struct QuotasInForce(Arc<ArcSwap<Quotas>>);

impl QuotasInForce {
    /// Those.
    pub fn new(quotas: Quotas) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(quotas)))
    }

    /// Puts others in force.
    pub fn replace(&self, quotas: Quotas) {
        self.0.store(Arc::new(quotas));
    }

    fn limit(&self, namespace: &Namespace, stock: Stock) -> Option<u64> {
        self.0.load().limit(namespace, stock)
    }
}

/// Admits the tenants that a directory says are active, with quotas for what they keep.
#[derive(Debug)]
pub struct TenantAdmission<D: ?Sized> {
    directory: Arc<D>,
    quotas: QuotasInForce,
}

impl<D: ?Sized> TenantAdmission<D> {
    /// By that directory and those quotas.
    pub fn new(directory: Arc<D>, quotas: QuotasInForce) -> Self {
        Self { directory, quotas }
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
        self.quotas.limit(namespace, stock)
    }
}

/// For the directory in the stores' own database: what it says stays true until the transaction ends.
#[cfg(feature = "_sql")]
#[async_trait]
impl<R: Recorder<Transaction> + fmt::Debug> Admission<Transaction>
    for TenantAdmission<crate::directory::SqlNamespaceStore<R>>
{
    async fn admit(&self, transaction: &mut Transaction, namespace: &Namespace) -> Result<(), StoreError> {
        self.directory.admit_within(transaction, namespace).await
    }

    fn limit(&self, namespace: &Namespace, stock: Stock) -> Option<u64> {
        self.quotas.limit(namespace, stock)
    }
}
