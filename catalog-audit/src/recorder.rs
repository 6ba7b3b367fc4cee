use std::sync::Arc;

use catalog_core::{
    clock::{Clock, SystemClock},
    store::{
        Attribution, StoreError,
        hook::{Change, Recorder},
    },
};
use serde_json::json;

use crate::{
    event::{Event, EventType, Record, new_id},
    store::AppendWithin,
};

/// Puts the event of a change into the change's own transaction: under the request's one event id where the change is what the request
/// asked for, and beside it where it is another one.
///
/// Made of a store of events, for the stores of assets, sources and tenants that share its database.
#[derive(Clone, Debug)]
pub struct AuditRecorder<S> {
    store: S,
    clock: Arc<dyn Clock>,
}

impl<S> AuditRecorder<S> {
    /// Into that store.
    pub fn new(store: S) -> Self {
        Self { store, clock: Arc::new(SystemClock) }
    }

    /// With another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }
}

impl<T: Send, S: AppendWithin<T> + Send + Sync + 'static> Recorder<T> for AuditRecorder<S> {
    async fn record(&self, transaction: &mut T, change: &Change<'_>) -> Result<(), StoreError> {
        let now = self.clock.now();
        let mut event = Event::of_change(change, now);
        let request = event.id;
        if self.store.append_within(transaction, Record::of(event.clone())).await? {
            if let Attribution::Request(context) = change.by {
                context.note_recorded();
            }
            return Ok(());
        }
        // the request has changed something before, or was given up: what it changes now is told all the same
        event.id = new_id(now);
        event.event_type = EventType::Consequence;
        event.details.metadata.insert("requestEvent".into(), json!(request));
        self.store.append_within(transaction, Record::of(event)).await.map(drop)
    }
}
