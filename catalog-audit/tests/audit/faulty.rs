//! A store that can be made to fail or to wait.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use catalog_audit::{
    event::{Event, Record},
    store::{AuditQuery, AuditStore, IntentStore, MemoryAuditStore, Stored, Swept},
};
use catalog_core::{
    clock::Timestamp,
    store::{StoreError, StoreErrorKind},
    tenant::TenantScope,
    testing::scope,
};
use tokio::sync::Semaphore;
use uuid::Uuid;

/// In memory, and out of reach while it is told to be.
#[derive(Clone, Debug)]
pub(crate) struct Faulty {
    pub(crate) inner: MemoryAuditStore,
    pub(crate) down: Arc<AtomicBool>,
    /// How many batches may be written; as many as one likes at first.
    pub(crate) may: Arc<Semaphore>,
    pub(crate) batches: Arc<AtomicUsize>,
}

impl Faulty {
    pub(crate) fn new() -> Self {
        Self {
            inner: MemoryAuditStore::new(),
            down: Arc::default(),
            may: Arc::new(Semaphore::new(1_000_000)),
            batches: Arc::default(),
        }
    }

    /// The events that are there, the newest first.
    pub(crate) async fn events(&self) -> Vec<Event> {
        let all = self.inner.list(&scope("*").await, &AuditQuery::default()).await.unwrap();
        all.into_iter().map(|stored| stored.record.into_event().unwrap()).collect()
    }

    async fn pass(&self) -> Result<(), StoreError> {
        self.may.acquire().await.unwrap().forget();
        self.batches.fetch_add(1, Ordering::SeqCst);
        if self.down.load(Ordering::SeqCst) { Err(StoreErrorKind::Unavailable.into()) } else { Ok(()) }
    }
}

impl AuditStore for Faulty {
    async fn append(&self, records: &[Record]) -> Result<(), StoreError> {
        self.pass().await?;
        self.inner.append(records).await
    }

    async fn list(&self, scope: &TenantScope, query: &AuditQuery) -> Result<Vec<Stored>, StoreError> {
        self.inner.list(scope, query).await
    }

    async fn walk(
        &self,
        scope: &TenantScope,
        query: &AuditQuery,
        after: &(String, i64),
    ) -> Result<Vec<Stored>, StoreError> {
        self.inner.walk(scope, query, after).await
    }

    async fn find(&self, scope: &TenantScope, id: Uuid) -> Result<Option<Stored>, StoreError> {
        self.inner.find(scope, id).await
    }
}

impl IntentStore for Faulty {
    async fn intend(&self, records: &[Record]) -> Result<(), StoreError> {
        self.pass().await?;
        self.inner.intend(records).await
    }

    async fn sweep(&self, before: Timestamp, most: usize) -> Result<Swept, StoreError> {
        if self.may.available_permits() == 0 {
            std::future::pending::<()>().await;
        }
        if self.down.load(Ordering::SeqCst) {
            return Err(StoreErrorKind::Unavailable.into());
        }
        self.inner.sweep(before, most).await
    }
}
