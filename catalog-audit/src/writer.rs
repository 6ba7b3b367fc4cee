//! Group commit: what does not ride in a change's transaction is written with whatever else waits, and each waits for its own.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use catalog_core::store::{StoreError, StoreErrorKind};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::{
    config::WriterConfig,
    event::Record,
    gate::Gate,
    store::{AuditStore, IntentStore},
    telemetry,
};

/// Writes records, many at once. Cheap to clone; once all clones are gone it ends with what it was given.
#[derive(Clone)]
pub struct AuditWriter {
    sender: mpsc::Sender<Waiting>,
    bytes: Arc<Semaphore>,
    gate: Arc<Gate>,
    dropped: Arc<AtomicU64>,
    config: WriterConfig,
}

/// How long the event may take of a request that the database has failed already.
const AFTER_FAULT: Duration = Duration::from_millis(80);

/// A record that waits to be written.
struct Waiting {
    record: Record,
    kind: Kind,
    done: oneshot::Sender<Result<(), StoreErrorKind>>,
    bytes: OwnedSemaphorePermit,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Event,
    Intent,
}

impl AuditWriter {
    /// Writes into that store, on the tokio runtime of the caller.
    pub fn spawn<S: AuditStore + IntentStore + Clone>(store: S, config: WriterConfig) -> Self {
        let (sender, receiver) = mpsc::channel(config.queue.max(1));
        let receiver = Arc::new(Mutex::new(receiver));
        let gate = Gate::spawn(store.clone(), config.pause, config.timeout);
        for store in vec![store; config.writers.max(1)] {
            tokio::spawn(write(store, Arc::clone(&receiver), Arc::clone(&gate), config.batch.max(1)));
        }
        let bytes = Arc::new(Semaphore::new(config.bytes.min(Semaphore::MAX_PERMITS)));
        Self { sender, bytes, gate, dropped: Arc::default(), config }
    }

    /// Writes an event, and returns when it is durable.
    ///
    /// # Errors
    /// `Unavailable` when that was not to be had in time or the database is known to be gone, or what the store says.
    pub async fn append(&self, record: Record) -> Result<(), StoreError> {
        self.write(record, Kind::Event, self.config.timeout).await
    }

    /// Writes the event of a request that the database did not serve: if that takes long, it will not serve others either.
    pub(crate) async fn append_after_fault(&self, record: Record) -> Result<(), StoreError> {
        self.write(record, Kind::Event, self.config.timeout.min(AFTER_FAULT)).await
    }

    /// Writes an intent, likewise.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub async fn intend(&self, record: Record) -> Result<(), StoreError> {
        self.write(record, Kind::Intent, self.config.timeout).await
    }

    /// Writes an event some time, or counts it as lost.
    pub fn append_soon(&self, record: Record) {
        let permit = Arc::clone(&self.bytes).try_acquire_many_owned(self.weight(&record));
        let (done, _) = oneshot::channel();
        let sent = permit
            .ok()
            .map(|bytes| self.sender.try_send(Waiting { record, kind: Kind::Event, done, bytes }).is_ok());
        if sent != Some(true) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            telemetry::dropped(1);
        }
    }

    /// Whether a record would be refused at once, since the database could not be reached a moment ago.
    pub fn is_closed(&self) -> bool {
        self.gate.is_closed()
    }

    /// How many events were lost that might be.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Whether records can be written, for readiness: none if they can, or since when they cannot.
    pub fn failing_since(&self) -> Option<Instant> {
        self.gate.failing_since()
    }

    async fn write(&self, record: Record, kind: Kind, timeout: Duration) -> Result<(), StoreError> {
        if self.is_closed() {
            return Err(StoreErrorKind::Unavailable.into());
        }
        let begun = Instant::now();
        let written = tokio::time::timeout(timeout, async {
            let closed = |_| StoreErrorKind::Unavailable;
            let bytes = Arc::clone(&self.bytes).acquire_many_owned(self.weight(&record)).await;
            let (done, told) = oneshot::channel();
            let waiting = Waiting { record, kind, done, bytes: bytes.map_err(closed)? };
            self.sender.send(waiting).await.map_err(|_| StoreErrorKind::Unavailable)?;
            told.await.map_err(|_| StoreErrorKind::Unavailable)?
        });
        let written = written.await.unwrap_or_else(|_| {
            self.gate.note_failure();
            Err(StoreErrorKind::Unavailable)
        });
        telemetry::appended(begun.elapsed(), written.is_ok());
        written.map_err(Into::into)
    }

    fn weight(&self, record: &Record) -> u32 {
        u32::try_from(record.size().min(self.config.bytes)).unwrap_or(u32::MAX)
    }
}

impl fmt::Debug for AuditWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditWriter").field("config", &self.config).finish_non_exhaustive()
    }
}

async fn write<S: AuditStore + IntentStore>(
    store: S,
    receiver: Arc<Mutex<mpsc::Receiver<Waiting>>>,
    gate: Arc<Gate>,
    most: usize,
) {
    let mut batch = Vec::with_capacity(most);
    loop {
        // another writer gathers the next batch while this one is written
        if receiver.lock().await.recv_many(&mut batch, most).await == 0 {
            return;
        }
        telemetry::batch(batch.len());
        let (intents, events): (Vec<_>, Vec<_>) =
            batch.drain(..).partition(|waiting| waiting.kind == Kind::Intent);
        for (kind, waiting) in [(Kind::Event, events), (Kind::Intent, intents)] {
            if waiting.is_empty() {
                continue;
            }
            // what they take of the memory is given back once they are written
            let (records, told): (Vec<Record>, Vec<_>) =
                waiting.into_iter().map(|waiting| (waiting.record, (waiting.done, waiting.bytes))).unzip();
            let written = put_each(&store, kind, &records).await;
            match written.first() {
                Some(Err(StoreErrorKind::Unavailable)) => gate.note_failure(),
                _ => gate.note_success(),
            }
            for ((done, bytes), written) in told.into_iter().zip(written) {
                // who does not wait any more need not be told
                let _ = done.send(written);
                drop(bytes);
            }
        }
    }
}

/// What becomes of each record: all are written at once or, where that is refused, one by one, so that none fails for another.
async fn put_each<S: AuditStore + IntentStore>(
    store: &S,
    kind: Kind,
    records: &[Record],
) -> Vec<Result<(), StoreErrorKind>> {
    match put(store, kind, records).await {
        Err(refused) if refused != StoreErrorKind::Unavailable && records.len() > 1 => {
            let mut written = Vec::with_capacity(records.len());
            for record in records {
                written.push(put(store, kind, std::slice::from_ref(record)).await);
            }
            written
        }
        written => vec![written; records.len()],
    }
}

async fn put<S: AuditStore + IntentStore>(
    store: &S,
    kind: Kind,
    records: &[Record],
) -> Result<(), StoreErrorKind> {
    let written = match kind {
        Kind::Event => store.append(records).await,
        Kind::Intent => store.intend(records).await,
    };
    written.map_err(|error| {
        let kind = error.kind();
        let error: &dyn std::error::Error = &error;
        tracing::warn!(error, records = records.len(), "audit events cannot be written");
        kind
    })
}
