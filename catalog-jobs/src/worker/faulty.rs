//! A store of which nothing can be had, for tests.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use catalog_core::store::{Attribution, StoreError, StoreErrorKind};

use crate::{
    allot::Rotation,
    claim::{Beat, ClaimBatch, ClaimRequest, Reaped, Renewed, Settlement},
    gate::Gate,
    name::QueueName,
    retention::Retention,
    store::{ClaimStore, Depth, UpkeepStore},
};

#[derive(Clone, Debug, Default)]
pub(super) struct Faulty {
    /// Renewals are answered, and nothing else is; otherwise all is refused.
    is_still: bool,
    pub(super) renewals: Arc<AtomicUsize>,
    pub(super) reaps: Arc<AtomicUsize>,
}

impl Faulty {
    /// Whose renewals are answered, and nothing else.
    pub(super) fn still() -> Self {
        Self { is_still: true, ..Self::default() }
    }

    /// That refuses everything.
    pub(super) fn busy() -> Self {
        Self::default()
    }

    async fn refuse<T>(&self) -> Result<T, StoreError> {
        if self.is_still {
            return std::future::pending().await;
        }
        Err(StoreErrorKind::Unavailable.into())
    }
}

impl ClaimStore for Faulty {
    async fn claim_any_tenant(&self, _: &ClaimRequest, _: &mut Rotation) -> Result<ClaimBatch, StoreError> {
        self.refuse().await
    }

    async fn renew(&self, beats: &[Beat], _: Duration) -> Result<Vec<Renewed>, StoreError> {
        self.renewals.fetch_add(1, Ordering::SeqCst);
        if self.is_still { Ok(vec![Renewed::Held; beats.len()]) } else { self.refuse().await }
    }

    async fn settle(&self, _: &[Settlement]) -> Result<Vec<bool>, StoreError> {
        self.refuse().await
    }

    async fn reap_any_tenant(&self, _: usize) -> Result<Reaped, StoreError> {
        self.reaps.fetch_add(1, Ordering::SeqCst);
        self.refuse().await
    }
}

impl UpkeepStore for Faulty {
    async fn set_paused(&self, _: &Attribution, _: &Gate, _: bool) -> Result<bool, StoreError> {
        self.refuse().await
    }

    async fn paused(&self) -> Result<Vec<Gate>, StoreError> {
        self.refuse().await
    }

    async fn remove_finished_any_tenant(&self, _: &Retention, _: usize) -> Result<usize, StoreError> {
        self.refuse().await
    }

    async fn depth_any_tenant(&self, _: &QueueName) -> Result<Depth, StoreError> {
        self.refuse().await
    }
}
