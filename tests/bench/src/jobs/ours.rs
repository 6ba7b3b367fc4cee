use std::time::Duration;

use async_trait::async_trait;
use catalog_core::store::{
    database::{Database, DatabaseOptions},
    hook::Unaudited,
    sql::migrate,
    statement::{Dialect, Statement},
};
use catalog_jobs::{
    Attempt, Job, JobError, Limits, NewJob, QueueName, Worker, WorkerConfig,
    store::{EnqueueStore, MIGRATIONS, SqlJobStore},
};
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower::service_fn;

use super::contender::{Begun, Contender, Mode};
use crate::AnyError;

/// Jobs are of so many tenants.
const TENANTS: usize = 10;

/// The queue of catalog-jobs.
pub(super) struct Ours {
    url: String,
    store: SqlJobStore<Unaudited>,
}

/// A job that is nothing.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Nothing {
    number: usize,
}

impl Job for Nothing {
    const KIND: &'static str = "nothing";
}

impl Ours {
    pub(super) async fn open(url: &str) -> Result<Self, AnyError> {
        Ok(Self { url: url.into(), store: open(url).await? })
    }

    pub(super) fn store(&self) -> &SqlJobStore<Unaudited> {
        &self.store
    }

    /// Jobs that were finished long ago.
    pub(super) async fn finished(&self, many: usize) -> Result<(), AnyError> {
        let database = self.store.database();
        let mut insert = Statement::new(database.dialect());
        insert.push(match database.dialect() {
            Dialect::Postgres => "insert into catalog_jobs_records (namespace, id, queue, lane, kind, requested_ms, payload, priority, max_attempts, state, finished_ms) select 't' || (n % 10), gen_random_uuid(), 'default', 't/', 'nothing', 1, '{}', 0, 5, 1, 1 from generate_series(1, ",
            Dialect::Sqlite => "insert into catalog_jobs_records (namespace, id, queue, lane, kind, requested_ms, payload, priority, max_attempts, state, finished_ms) with recursive s (n) as (select 1 union all select n + 1 from s where n < ",
        });
        insert.push_count(many).push(match database.dialect() {
            Dialect::Postgres => ") n",
            Dialect::Sqlite => ") select 't' || (n % 10), lower(hex(randomblob(16))), 'default', 't/', 'nothing', 1, '{}', 0, 5, 1, 1 from s",
        });
        database.change(insert).await?;
        crate::database::settle(self.store.database()).await
    }
}

async fn open(url: &str) -> Result<SqlJobStore<Unaudited>, AnyError> {
    let options =
        DatabaseOptions { statement_timeout: Duration::from_mins(10), ..DatabaseOptions::default() };
    let database = if url.starts_with("sqlite:") {
        Database::sqlite(url, options).await?
    } else {
        Database::postgres(url, options).await?
    };
    migrate(&database, MIGRATIONS).await?;
    Ok(SqlJobStore::new(database, Unaudited))
}

#[async_trait]
impl Contender for Ours {
    async fn enqueue(&self, many: usize) -> Result<(), AnyError> {
        let job = |number| Ok(NewJob::new(format!("t{}", number % TENANTS).parse()?, &Nothing { number })?);
        let jobs = (0..many).map(job).collect::<Result<Vec<_>, AnyError>>()?;
        self.store.enqueue(&jobs).await?;
        Ok(())
    }

    async fn start(
        &self,
        mode: Mode,
        begun: Begun,
        leave: &CancellationToken,
    ) -> Result<JoinHandle<()>, AnyError> {
        let config = WorkerConfig::default();
        let config = match mode {
            Mode::Default => config,
            Mode::Tuned => WorkerConfig { concurrency: 256, prefetch: 5_000, ..config },
            Mode::Limited => {
                let limits = Limits { per_tenant: Some(64), ..Limits::default() };
                WorkerConfig { concurrency: 1_000, limits, ..config }
            }
        };
        let handler = service_fn(move |_: Attempt<Nothing>| {
            begun();
            std::future::ready(Ok::<_, JobError>(()))
        });
        // SQLite tells of what is enqueued within the process alone
        let store =
            if self.url.starts_with("sqlite:") { self.store.clone() } else { open(&self.url).await? };
        let worker = Worker::new(store, QueueName::default(), "bench").with_config(config)?;
        let worker = worker.with_handler::<Nothing, _>(handler)?;
        Ok(tokio::spawn(worker.run(leave.clone())))
    }

    async fn is_busy(&self) -> Result<bool, AnyError> {
        let mut count = Statement::new(self.store.database().dialect());
        count.push("select count(*) from (select 1 from catalog_jobs_live limit 1) one");
        let mut rows = self.store.database().fetch(count).await?;
        Ok(rows.first_mut().ok_or("no row")?.integer(0)? > 0)
    }

    async fn empty(&self) -> Result<(), AnyError> {
        let mut transaction = self.store.database().begin().await?;
        transaction
            .execute_script("delete from catalog_jobs_live; delete from catalog_jobs_records where finished_ms is null or finished_ms > 1")
            .await?;
        transaction.commit().await?;
        crate::database::settle(self.store.database()).await
    }
}
