use std::{fmt, time::Duration};

use async_trait::async_trait;
use graphile_worker::{
    IntoTaskHandlerResult, JobSpec, LocalQueueConfig, TaskHandler, WorkerContext, WorkerOptions, WorkerUtils,
};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    AnyError,
    jobs::contender::{Begun, Contender, Mode},
    pool,
};

const SCHEMA: &str = "graphile_worker";

/// The queue of `graphile_worker`. Who holds a job is known by name alone: nothing fences.
pub(crate) struct Graphile {
    url: String,
    pool: PgPool,
    utils: WorkerUtils,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Nothing {
    number: usize,
}

#[derive(Clone)]
struct Told(Begun);

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Told")
    }
}

impl TaskHandler for Nothing {
    const IDENTIFIER: &'static str = "nothing";

    async fn run(self, context: WorkerContext) -> impl IntoTaskHandlerResult {
        if let Some(told) = context.get_ext::<Told>() {
            (told.0)();
        }
        Ok::<(), String>(())
    }
}

impl Graphile {
    pub(crate) async fn open(url: &str) -> Result<Self, AnyError> {
        let pool = pool(url).await?;
        let utils = WorkerUtils::new(pool.clone(), SCHEMA);
        utils.migrate().await?;
        Ok(Self { url: url.into(), pool, utils })
    }
}

#[async_trait]
impl Contender for Graphile {
    async fn enqueue(&self, many: usize) -> Result<(), AnyError> {
        let spec = JobSpec::default();
        if many == 1 {
            self.utils.add_job(Nothing { number: 0 }, spec).await?;
        } else {
            let jobs: Vec<_> = (0..many).map(|number| (Nothing { number }, &spec)).collect();
            self.utils.add_jobs(&jobs).await?;
        }
        Ok(())
    }

    async fn start(
        &self,
        mode: Mode,
        begun: Begun,
        leave: &CancellationToken,
    ) -> Result<JoinHandle<()>, AnyError> {
        let options = WorkerOptions::default()
            .pg_pool(pool(&self.url).await?)
            .schema(SCHEMA)
            .listen_os_shutdown_signals(false)
            .add_extension(Told(begun))
            .define_job::<Nothing>();
        let options = match mode {
            Mode::Tuned => options
                .concurrency(24)
                .local_queue(LocalQueueConfig::default().with_size(500))
                .complete_job_batch_delay(Duration::from_millis(5)),
            Mode::Default | Mode::Limited => options,
        };
        let worker = options.init().await?;
        let leave = leave.clone();
        Ok(tokio::spawn(async move {
            let run = worker.run();
            let asked = async {
                leave.cancelled().await;
                worker.request_shutdown();
            };
            if let (Err(error), ()) = tokio::join!(run, asked) {
                eprintln!("bench: graphile_worker: {error}");
            }
        }))
    }

    async fn is_busy(&self) -> Result<bool, AnyError> {
        let count: i64 = sqlx::query_scalar(
            "select count(*) from (select 1 from graphile_worker._private_jobs limit 1) one",
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(count > 0)
    }

    async fn empty(&self) -> Result<(), AnyError> {
        for text in ["delete from graphile_worker._private_jobs", "vacuum analyze"] {
            sqlx::query(text).execute(&self.pool).await?;
        }
        Ok(())
    }
}
