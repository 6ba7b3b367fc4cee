use std::{sync::Arc, time::Duration};

use catalog_core::{
    clock::{Clock, SystemClock},
    store::{StoreError, StoreErrorKind, hook::Fence},
};

use super::SealKey;
use crate::{event::time_of, store::SealStore, telemetry};

/// Seals events, block by block. One of all replicas does: whoever holds the fence that is passed in.
#[derive(Clone, Debug)]
pub struct Sealer<S> {
    store: S,
    key: SealKey,
    interval: Duration,
    clock: Arc<dyn Clock>,
}

/// So many events are sealed in one transaction: on an engine with one writer others must not wait long for it.
const STEP: usize = 1_024;

impl<S: SealStore> Sealer<S> {
    /// Of that store, with that key, every 250 ms.
    pub fn new(store: S, key: SealKey) -> Self {
        Self { store, key, interval: Duration::from_millis(250), clock: Arc::new(SystemClock) }
    }

    /// That often.
    #[must_use]
    pub fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// With another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Seals all that can be sealed now, and gives how many events that were.
    ///
    /// # Errors
    /// `Fenced` when another one seals; or what the store says. What was sealed stays so.
    pub async fn seal<F: Fence<S::Transaction>>(&self, fence: &F) -> Result<usize, StoreError> {
        let mut all = 0;
        loop {
            let sealed = self.store.seal(fence, &self.key, self.clock.now(), STEP).await?;
            telemetry::sealed(sealed);
            all += sealed;
            if sealed < STEP {
                return Ok(all);
            }
        }
    }

    /// For how long the event has waited that has waited longest to be sealed; nothing if all are. For readiness.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn lag(&self) -> Result<Duration, StoreError> {
        let first = self.store.first_unsealed_any_tenant().await?;
        let lag = first.map(|first| self.clock.now().saturating_since(time_of(first))).unwrap_or_default();
        telemetry::unsealed(lag);
        Ok(lag)
    }

    /// Seals again and again, until it is dropped or another one does.
    pub async fn run<F: Fence<S::Transaction>>(&self, fence: &F) {
        loop {
            match self.seal(fence).await {
                Ok(_) => {}
                Err(error) if error.kind() == StoreErrorKind::Fenced => return,
                Err(error) => {
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(error, "audit events cannot be sealed and will be tried again");
                }
            }
            // for the metric; what keeps it from being told shows in the next round
            let _ = self.lag().await;
            tokio::time::sleep(self.interval).await;
        }
    }
}
