use std::{fmt, sync::Arc, time::Duration};

use catalog_core::{
    backoff::Backoff,
    clock::{Clock, SystemClock},
    store::{StoreError, StoreErrorKind},
};
use serde_json::Value;

use super::{Sink, SinkError};
use crate::{
    event::{shown, time_of},
    store::{Cursor, OutboxStore},
    telemetry,
};

/// Sends sealed events to one sink, in order. One of all replicas does, as whoever runs it sees to; should two, events arrive twice.
///
/// What the sink refuses is never left out: the exporter stays in front of that event, parked, until [`resume`](Self::resume) or
/// [`skip`](Self::skip) is called.
#[derive(Clone)]
pub struct Exporter<S> {
    name: Arc<str>,
    store: S,
    sink: Arc<dyn Sink>,
    batch: usize,
    clock: Arc<dyn Clock>,
}

/// How far a sink is behind.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Lag {
    /// The age of the oldest event that it has not had; nothing if it has had all that are sealed.
    pub age: Duration,
    /// Why it goes on no further.
    pub parked: Option<String>,
}

const BACKOFF: Backoff = Backoff { first: Duration::from_secs(1), max: Duration::from_mins(1) };
/// How long it waits for more when it has sent all.
const IDLE: Duration = Duration::from_secs(1);
/// What is kept of the reason for which a sink refuses, in characters.
const REASON: usize = 500;

impl<S: OutboxStore> Exporter<S> {
    /// From that store to that sink, whose cursor goes by that name; 100 events at once.
    pub fn new(name: impl Into<Arc<str>>, store: S, sink: impl Sink) -> Self {
        Self { name: name.into(), store, sink: Arc::new(sink), batch: 100, clock: Arc::new(SystemClock) }
    }

    /// The sink's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// With so many events at once.
    #[must_use]
    pub fn with_batch(mut self, batch: usize) -> Self {
        self.batch = batch.max(1);
        self
    }

    /// With another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Makes the sink known, so that retention waits for it, as long as it is not forgotten.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn register(&self) -> Result<(), StoreError> {
        let cursor = self.store.cursor(&self.name).await?;
        self.store.set_cursor(&self.name, &cursor).await
    }

    /// Sends the next events, and gives how many those were; none if there are none, or it is parked.
    ///
    /// # Errors
    /// [`ExportError`]; the cursor is behind the last event that the sink has taken.
    pub async fn step(&self) -> Result<usize, ExportError> {
        let cursor = self.store.cursor(&self.name).await?;
        if cursor.parked.is_some() {
            return Ok(0);
        }
        let mut batch = Vec::new();
        for (position, stored) in self.store.outbox_any_tenant(cursor.position, self.batch).await? {
            batch.push((position, shown(stored)?));
        }
        let Some((last, _)) = batch.last() else { return Ok(0) };
        let (last, count) = (*last, batch.len());
        let events: Vec<Value> = batch.iter().map(|(_, event)| event.clone()).collect();
        match self.sink.deliver(&events).await {
            Ok(()) => {
                self.advance(last).await?;
                Ok(count)
            }
            Err(error) if error.is_refused() => self.one_by_one(batch, cursor.position).await,
            Err(error) => Err(error.into()),
        }
    }

    /// Finds the event that the sink refuses, and parks in front of it.
    async fn one_by_one(&self, batch: Vec<(i64, Value)>, before: i64) -> Result<usize, ExportError> {
        let (mut sent, mut position) = (0, before);
        for (next, event) in batch {
            match self.sink.deliver(std::slice::from_ref(&event)).await {
                Ok(()) => {
                    self.advance(next).await?;
                    (sent, position) = (sent + 1, next);
                }
                Err(error) if error.is_refused() => {
                    let cause = std::error::Error::source(&error).map(ToString::to_string);
                    let reason: String = cause.unwrap_or_default().chars().take(REASON).collect();
                    let id = event.get("id").and_then(Value::as_str).unwrap_or_default();
                    tracing::error!(
                        sink = &*self.name,
                        event = id,
                        reason,
                        "an audit sink refuses an event and is parked"
                    );
                    let parked = Some(format!("event {id}: {reason}"));
                    self.store.set_cursor(&self.name, &Cursor { position, parked }).await?;
                    return Ok(sent);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(sent)
    }

    async fn advance(&self, position: i64) -> Result<(), StoreError> {
        self.store.set_cursor(&self.name, &Cursor { position, parked: None }).await
    }

    /// Tries the event again that the sink refused.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn resume(&self) -> Result<(), StoreError> {
        let cursor = self.store.cursor(&self.name).await?;
        self.store.set_cursor(&self.name, &Cursor { parked: None, ..cursor }).await
    }

    /// Leaves the event out that the sink refused: for a person to decide.
    ///
    /// # Errors
    /// Those of the store; `Conflict` if it is not parked.
    pub async fn skip(&self) -> Result<(), StoreError> {
        let cursor = self.store.cursor(&self.name).await?;
        if cursor.parked.is_none() {
            return Err(StoreError::new(StoreErrorKind::Conflict, "the sink is not parked"));
        }
        let next = self.store.outbox_any_tenant(cursor.position, 1).await?;
        let position = next.first().map_or(cursor.position, |(position, _)| *position);
        self.advance(position).await
    }

    /// How far it is behind.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn lag(&self) -> Result<Lag, StoreError> {
        let cursor = self.store.cursor(&self.name).await?;
        let next = self.store.outbox_any_tenant(cursor.position, 1).await?;
        let oldest = next.first().map(|(_, stored)| time_of(stored.record.id));
        let age = oldest.map(|oldest| self.clock.now().saturating_since(oldest)).unwrap_or_default();
        telemetry::lag(&self.name, age, cursor.parked.is_some());
        Ok(Lag { age, parked: cursor.parked })
    }

    /// Sends again and again, until it is dropped.
    pub async fn run(&self) {
        let mut failures = 0;
        loop {
            let stepped = self.step().await;
            match stepped {
                Ok(0) => {
                    failures = 0;
                    // for the metric; what keeps it from being told shows in the next step
                    let _ = self.lag().await;
                    tokio::time::sleep(IDLE).await;
                }
                Ok(sent) => {
                    failures = 0;
                    telemetry::exported(&self.name, sent);
                }
                Err(error) => {
                    failures += 1;
                    self.tell(&error, failures);
                    let _ = self.lag().await;
                    tokio::time::sleep(BACKOFF.after(failures)).await;
                }
            }
        }
    }
}

impl<S> Exporter<S> {
    /// Not within what is awaited: an error as such is nothing for another thread.
    fn tell(&self, error: &ExportError, failures: u32) {
        let error: &dyn std::error::Error = error;
        tracing::warn!(
            sink = &*self.name,
            error,
            failures,
            "audit events cannot be exported and will be tried again"
        );
    }
}

impl<S> fmt::Debug for Exporter<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exporter").field("name", &self.name).field("sink", &self.sink).finish_non_exhaustive()
    }
}

/// Events were not exported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// They could not be read, or the cursor not be moved.
    #[error("the store of audit events failed")]
    Store(#[from] StoreError),
    /// They were not taken.
    #[error("the events were not taken")]
    Sink(#[from] SinkError),
}
