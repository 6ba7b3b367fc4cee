use std::{
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use catalog_core::clock::Timestamp;
use tokio::sync::watch;

use crate::store::IntentStore;

/// Knows whether the database could be reached when it was last tried, so that no request has to find out.
#[derive(Debug)]
pub(crate) struct Gate {
    /// Since when it could not.
    failing: watch::Sender<Option<Instant>>,
}

impl Gate {
    /// Open. Once it is closed the store is tried every `pause`, each time for at most `timeout`, until it answers.
    pub(crate) fn spawn<S: IntentStore>(store: S, pause: Duration, timeout: Duration) -> Arc<Self> {
        let (failing, told) = watch::channel(None);
        let gate = Arc::new(Self { failing });
        tokio::spawn(probe(store, Arc::downgrade(&gate), told, pause, timeout));
        gate
    }

    /// Whether nothing need be tried now.
    pub(crate) fn is_closed(&self) -> bool {
        self.failing.borrow().is_some()
    }

    pub(crate) fn note_success(&self) {
        if self.failing.send_if_modified(|since| since.take().is_some()) {
            tracing::info!("audit events can be written again");
        }
    }

    pub(crate) fn note_failure(&self) {
        let is_news = self.failing.send_if_modified(|since| {
            let is_news = since.is_none();
            since.get_or_insert_with(Instant::now);
            is_news
        });
        if is_news {
            tracing::error!("audit events cannot be written, and changes are refused until they can");
        }
    }

    pub(crate) fn failing_since(&self) -> Option<Instant> {
        *self.failing.borrow()
    }
}

/// Opens the gate when the store answers, as long as there is one.
async fn probe<S: IntentStore>(
    store: S,
    gate: Weak<Gate>,
    mut told: watch::Receiver<Option<Instant>>,
    pause: Duration,
    timeout: Duration,
) {
    while told.wait_for(Option::is_some).await.is_ok() {
        tokio::time::sleep(pause).await;
        // of so old ones there are none, so it asks for a transaction and changes nothing
        let answered = tokio::time::timeout(timeout, store.sweep(Timestamp::UNIX_EPOCH, 1)).await;
        let Some(gate) = gate.upgrade() else { return };
        if let Ok(Ok(_)) = answered {
            gate.note_success();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MemoryAuditStore;

    #[tokio::test(start_paused = true)]
    async fn after_a_failure_it_stays_closed_until_the_store_answers() {
        let pause = Duration::from_mins(1);
        let gate = Gate::spawn(MemoryAuditStore::new(), pause, pause);
        assert!(!gate.is_closed());
        gate.note_failure();
        let since = gate.failing_since();
        gate.note_failure();
        assert!(gate.is_closed() && gate.failing_since() == since);
        tokio::time::sleep(pause / 2).await;
        assert!(gate.is_closed());
        tokio::time::sleep(pause).await;
        assert!(!gate.is_closed() && gate.failing_since().is_none());
    }
}
