use std::time::Duration;

use catalog_core::store::StoreError;

use super::Retention;
use crate::store::UpkeepStore;

/// Removes finished jobs that are older than they are to be kept. It is enough that one of all replicas does, such as the leader; several
/// do no harm, for what is removed twice is removed.
#[derive(Clone, Debug)]
pub struct RetentionTask<S> {
    store: S,
    retention: Retention,
}

/// So many jobs are removed in one transaction.
const STEP: usize = 500;
/// How long others have the database for themselves between two of them.
const PAUSE: Duration = Duration::from_millis(20);
/// How often to look whether any are old enough.
const INTERVAL: Duration = Duration::from_mins(10);

impl<S: UpkeepStore> RetentionTask<S> {
    /// Of that store, whose jobs are kept for so long.
    pub fn new(store: S, retention: Retention) -> Self {
        Self { store, retention }
    }

    /// Removes all that is old enough now, a little at a time, and gives how many jobs that were.
    ///
    /// # Errors
    /// Those of the store. What was removed stays so.
    pub async fn expire(&self) -> Result<usize, StoreError> {
        let mut removed = 0;
        loop {
            let step = self.store.remove_finished_any_tenant(&self.retention, STEP).await?;
            removed += step;
            if step == 0 {
                return Ok(removed);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Removes again and again, until it is dropped.
    pub async fn run(&self) {
        loop {
            match self.expire().await {
                Ok(0) => {}
                Ok(removed) => tracing::info!(removed, "old jobs were removed"),
                Err(error) => {
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(error, "old jobs cannot be removed and will be tried again");
                }
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }
}
