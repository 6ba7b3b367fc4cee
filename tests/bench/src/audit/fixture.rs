//! Databases with the tables, events, and many who wait at once.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use catalog_audit::{
    event::Record,
    store::{AuditStore, MIGRATIONS, SqlAuditStore},
    testing::event,
};
use catalog_core::store::{
    database::{Database, DatabaseOptions},
    sql::{self, migrate},
};
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::Plan;
use crate::{AnyError, database::create};

/// A database of its own, which goes with this.
pub(super) struct Place {
    pub(super) engine: &'static str,
    pub(super) url: String,
    pub(super) database: Database,
    pub(super) store: SqlAuditStore,
    _folder: Option<TempDir>,
}

impl Place {
    pub(super) async fn sqlite() -> Result<Self, AnyError> {
        let folder = tempfile::tempdir()?;
        let url = format!("sqlite://{}", folder.path().join("audit.db").display());
        let database = Database::sqlite(&url, options()).await?;
        Self::of("SQLite", url, database, Some(folder)).await
    }

    pub(super) async fn postgres(server: &str, name: &'static str) -> Result<Self, AnyError> {
        let url = create(server, name).await?;
        let database = Database::postgres(&url, options()).await?;
        Self::of("PostgreSQL", url, database, None).await
    }

    /// One on each engine that is measured.
    pub(super) async fn all(plan: &Plan, name: &'static str) -> Result<Vec<Self>, AnyError> {
        let mut all = vec![Self::sqlite().await?];
        if let Some(server) = &plan.postgres {
            all.push(Self::postgres(server, name).await?);
        }
        Ok(all)
    }

    async fn of(
        engine: &'static str,
        url: String,
        database: Database,
        folder: Option<TempDir>,
    ) -> Result<Self, AnyError> {
        migrate(&database, sql::MIGRATIONS).await?;
        migrate(&database, MIGRATIONS).await?;
        let store = SqlAuditStore::new(database.clone());
        Ok(Self { engine, url, database, store, _folder: folder })
    }

    /// Adds so many events of a tenant, in large batches.
    pub(super) async fn fill(&self, tenant: &str, events: usize) -> Result<(), AnyError> {
        let mut left = events;
        while left > 0 {
            let records = records(tenant, left.min(4_096));
            left -= records.len();
            self.store.append(&records).await?;
        }
        Ok(())
    }
}

fn options() -> DatabaseOptions {
    DatabaseOptions {
        connections: 40,
        statement_timeout: Duration::from_mins(10),
        ..DatabaseOptions::default()
    }
}

/// So many events of a tenant, each of a later id than the one before, as those of requests are.
pub(super) fn records(tenant: &str, count: usize) -> Vec<Record> {
    let one = |second| {
        let mut event = event(tenant, second);
        event.id = uuid::Uuid::now_v7();
        Record::of(event)
    };
    (0..count as u64).map(one).collect()
}

/// What came of it when many did the same at once.
pub(super) struct Load {
    pub(super) per_second: f64,
    pub(super) latencies: Vec<Duration>,
}

/// Has so many do it again and again, each waiting for its own, until the time is over; `rest` is what must still be done then.
pub(super) async fn load<W, R>(
    waiting: usize,
    time: Duration,
    work: impl Fn() -> W + Clone + Send + 'static,
    rest: R,
) -> Result<Load, AnyError>
where
    W: Future<Output = Result<(), AnyError>> + Send,
    R: Future<Output = Result<(), AnyError>>,
{
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..waiting {
        let work = work.clone();
        tasks.spawn(async move {
            let mut latencies = Vec::new();
            while begun.elapsed() < time {
                let asked = Instant::now();
                work().await?;
                latencies.push(asked.elapsed());
            }
            Ok::<_, AnyError>(latencies)
        });
    }
    let mut latencies = Vec::new();
    while let Some(done) = tasks.join_next().await {
        latencies.extend(done??);
    }
    rest.await?;
    let count = f64::from(u32::try_from(latencies.len())?);
    Ok(Load { per_second: count / begun.elapsed().as_secs_f64(), latencies })
}
