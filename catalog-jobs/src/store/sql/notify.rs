//! Telling other processes that a queue has become due: at once, but not more often than every few milliseconds.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use catalog_core::store::{
    StoreError,
    database::{Database, Transaction},
    statement::{Dialect, Statement},
};
use tokio::time::Instant;

use crate::{name::QueueName, wake::Wakes};

/// The channel of PostgreSQL's NOTIFY.
const CHANNEL: &str = "catalog_jobs_wakes";
/// To notify costs a lock that all who commit share, so that is done so often at most.
const PAUSE: Duration = Duration::from_millis(10);

/// Notifies. Cheap to clone; clones count together.
#[derive(Clone)]
pub(super) struct Notifier {
    database: Database,
    queues: Arc<Mutex<HashMap<QueueName, Last>>>,
}

#[derive(Clone, Copy)]
struct Last {
    at: Instant,
    /// Another one will follow by itself.
    pending: bool,
}

impl Notifier {
    pub(super) fn new(database: Database) -> Self {
        Self { database, queues: Arc::default() }
    }

    /// Has the transaction tell when it is committed; if it was told a moment ago, that is done a moment later.
    pub(super) async fn notify(
        &self,
        transaction: &mut Transaction,
        queue: &QueueName,
    ) -> Result<(), StoreError> {
        if transaction.dialect() == Dialect::Sqlite {
            return Ok(());
        }
        if self.is_due(queue) {
            transaction.fetch(statement(queue)).await?;
        } else {
            let (notifier, queue) = (self.clone(), queue.clone());
            transaction.after_commit(move || notifier.follow(queue));
        }
        Ok(())
    }

    /// Tells by itself, of what is committed.
    pub(super) fn tell(&self, queue: QueueName) {
        if self.database.dialect() == Dialect::Sqlite {
            return;
        }
        if self.is_due(&queue) {
            let database = self.database.clone();
            tokio::spawn(async move { send(&database, &queue).await });
        } else {
            self.follow(queue);
        }
    }

    /// Whether it is to be told at once, which it then is.
    pub(super) fn is_due(&self, queue: &QueueName) -> bool {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        match queues.get_mut(queue) {
            Some(last) if last.pending || now < last.at + PAUSE => false,
            Some(last) => {
                last.at = now;
                true
            }
            None => {
                queues.insert(queue.clone(), Last { at: now, pending: false });
                true
            }
        }
    }

    /// Tells when the pause is over, unless that will be done anyway.
    pub(super) fn follow(&self, queue: QueueName) {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(last) = queues.get_mut(&queue).filter(|last| !last.pending) else { return };
        last.pending = true;
        let (queues, database, at) = (Arc::clone(&self.queues), self.database.clone(), last.at + PAUSE);
        tokio::spawn(async move {
            tokio::time::sleep_until(at).await;
            let now = Last { at: Instant::now(), pending: false };
            queues.lock().unwrap_or_else(PoisonError::into_inner).insert(queue.clone(), now);
            send(&database, &queue).await;
        });
    }
}

impl fmt::Debug for Notifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Notifier")
    }
}

async fn send(database: &Database, queue: &QueueName) {
    if let Err(error) = database.change(statement(queue)).await {
        let error: &dyn std::error::Error = &error;
        tracing::debug!(error, %queue, "workers of other processes are not woken and find the jobs later");
    }
}

fn statement(queue: &QueueName) -> Statement {
    let mut statement = Statement::new(Dialect::Postgres);
    push_notify(&mut statement, &[queue]).repeatable();
    statement
}

/// Appends what tells of these queues when it is committed.
pub(super) fn push_notify<'a>(statement: &'a mut Statement, queues: &[&QueueName]) -> &'a mut Statement {
    let queues: Vec<Option<String>> = queues.iter().map(|queue| Some(queue.to_string())).collect();
    statement.push("select pg_notify(").bind(CHANNEL).push("::text, q)::text from unnest(");
    statement.bind(queues).push("::text[]) q")
}

/// Wakes workers of this process by what other processes tell.
pub(super) async fn listen(database: &Database, wakes: &Wakes) -> Result<(), StoreError> {
    let heard = |payload: Option<&str>| match payload.and_then(|payload| QueueName::new(payload).ok()) {
        Some(queue) => wakes.wake(&queue),
        None => wakes.wake_all(),
    };
    database.listen_to(CHANNEL, heard).await.map(drop)
}
