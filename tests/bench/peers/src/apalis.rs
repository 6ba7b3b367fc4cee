use std::sync::atomic::{AtomicUsize, Ordering};

use apalis::{layers::WorkerBuilderExt, prelude::*};
use apalis_postgres::{Config, PostgresStorage, queries::push_tasks};
use async_trait::async_trait;
use sqlx::PgPool;
use tokio::{runtime::Handle, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    AnyError,
    jobs::contender::{Begun, Contender, Mode},
    pool,
};

const QUEUE: &str = "bench";

/// The queue of `apalis-postgres`. Who holds a job is known by name alone: nothing fences.
pub(crate) struct Apalis {
    url: String,
    pool: PgPool,
    /// Each worker has a name of its own.
    workers: AtomicUsize,
}

impl Apalis {
    pub(crate) async fn open(url: &str) -> Result<Self, AnyError> {
        let pool = pool(url).await?;
        PostgresStorage::setup(&pool).await?;
        Ok(Self { url: url.into(), pool, workers: AtomicUsize::new(0) })
    }
}

async fn nothing(_: usize, begun: Data<Begun>) -> Result<(), BoxDynError> {
    (begun.0)();
    Ok(())
}

#[async_trait]
impl Contender for Apalis {
    async fn enqueue(&self, many: usize) -> Result<(), AnyError> {
        let task = |number: usize| Ok(TaskBuilder::new(serde_json::to_vec(&number)?).build());
        let tasks = (0..many).map(task).collect::<Result<Vec<_>, AnyError>>()?;
        let mut connection = self.pool.acquire().await?;
        Ok(push_tasks(&mut *connection, QUEUE, tasks).await?)
    }

    async fn start(
        &self,
        mode: Mode,
        begun: Begun,
        leave: &CancellationToken,
    ) -> Result<JoinHandle<()>, AnyError> {
        let config = Config::default().queue(QUEUE);
        let (config, concurrency) = match mode {
            Mode::Tuned => (config.batch_size(500), 256),
            Mode::Default | Mode::Limited => (config, 16),
        };
        let backend =
            PostgresStorage::<usize>::new(&pool(&self.url).await?).with_config(config).with_pubsub();
        let name = format!("bench-{}", self.workers.fetch_add(1, Ordering::Relaxed));
        let worker = WorkerBuilder::new(name)
            .backend(backend)
            .concurrency(concurrency)
            .parallelize(tokio::spawn)
            .data(begun)
            .build(nothing);
        let leave = leave.clone();
        let asked = async move {
            leave.cancelled().await;
            Ok::<_, WorkerError>(())
        };
        // the compiler does not see that it may be sent to another thread
        let runtime = Handle::current();
        Ok(tokio::task::spawn_blocking(move || {
            if let Err(error) = runtime.block_on(worker.run_until(asked)) {
                eprintln!("bench: apalis: {error}");
            }
        }))
    }

    async fn is_busy(&self) -> Result<bool, AnyError> {
        let count: i64 = sqlx::query_scalar(
            "select count(*) from (select 1 from apalis.jobs where status in ('Pending', 'Queued', 'Running') limit 1) one",
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(count > 0)
    }

    async fn empty(&self) -> Result<(), AnyError> {
        for text in ["delete from apalis.jobs", "vacuum analyze"] {
            sqlx::query(text).execute(&self.pool).await?;
        }
        Ok(())
    }
}
