use std::{sync::Arc, time::Duration};

use catalog_core::{
    clock::{Clock, SystemClock, Timestamp},
    store::StoreError,
};

use crate::{store::IntentStore, telemetry};

/// Tells of requests that were cut off: intents whose event never came. Any number of replicas may sweep at once.
#[derive(Clone, Debug)]
pub struct IntentSweeper<S> {
    store: S,
    age: Duration,
    clock: Arc<dyn Clock>,
}

/// So many intents are removed in one transaction.
const STEP: usize = 500;

impl<S: IntentStore> IntentSweeper<S> {
    /// Of that store; a request is taken for cut off after `age`, which is longer than any may take.
    pub fn new(store: S, age: Duration) -> Self {
        Self { store, age, clock: Arc::new(SystemClock) }
    }

    /// With another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Sweeps all that are old enough, and gives how many had no event.
    ///
    /// # Errors
    /// Those of the store; what was swept stays so.
    pub async fn sweep(&self) -> Result<usize, StoreError> {
        let age = i64::try_from(self.age.as_millis()).unwrap_or(i64::MAX);
        let before = self.clock.now().unix_ms().saturating_sub(age);
        let before = Timestamp::from_unix_ms(before).unwrap_or(Timestamp::UNIX_EPOCH);
        let mut orphans = 0;
        loop {
            let swept = self.store.sweep(before, STEP).await?;
            orphans += swept.orphans;
            telemetry::swept(swept.orphans);
            if swept.intents < STEP {
                return Ok(orphans);
            }
        }
    }

    /// Sweeps again and again, until it is dropped.
    pub async fn run(&self) {
        loop {
            match self.sweep().await {
                Ok(0) => {}
                Ok(orphans) => tracing::warn!(orphans, "requests were cut off, and are recorded as unknown"),
                Err(error) => {
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(error, "intents cannot be swept and will be tried again");
                }
            }
            tokio::time::sleep(self.age / 4).await;
        }
    }
}
