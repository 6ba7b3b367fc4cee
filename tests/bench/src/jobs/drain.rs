use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use catalog_core::store::{hook::Unaudited, statement::Statement};
use catalog_jobs::{
    Attempt, JobError, Limits, QueueName, Worker, WorkerConfig,
    store::{EnqueueStore, SqlJobStore},
};
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tower::service_fn;

use super::{Nothing, Plan, enqueue::empty, jobs, open, settle};
use crate::AnyError;

#[derive(Clone, Copy, Debug)]
pub(super) enum Mode {
    Default,
    Tuned,
    Limited,
}

impl Mode {
    fn config(self) -> WorkerConfig {
        let config = WorkerConfig::default();
        match self {
            Self::Default => config,
            Self::Tuned => WorkerConfig { concurrency: 256, prefetch: 5_000, ..config },
            Self::Limited => {
                let limits = Limits { per_tenant: Some(64), ..Limits::default() };
                WorkerConfig { concurrency: 1_000, limits, ..config }
            }
        }
    }
}

fn start(
    store: SqlJobStore<Unaudited>,
    config: WorkerConfig,
    begun: impl Fn(usize) + Clone + Send + Sync + 'static,
    leave: &CancellationToken,
) -> Result<JoinHandle<()>, AnyError> {
    let handler = service_fn(move |attempt: Attempt<Nothing>| {
        begun(attempt.job.number);
        std::future::ready(Ok::<_, JobError>(()))
    });
    let worker = Worker::new(store, QueueName::default(), "bench").with_config(config)?;
    let worker = worker.with_handler::<Nothing, _>(handler)?;
    Ok(tokio::spawn(worker.run(leave.clone())))
}

async fn live(store: &SqlJobStore<Unaudited>) -> Result<bool, AnyError> {
    let mut count = Statement::new(store.database().dialect());
    count.push("select count(*) from (select 1 from catalog_jobs_live limit 1) one");
    let mut rows = store.database().fetch(count).await?;
    Ok(rows.first_mut().ok_or("no row")?.integer(0)? > 0)
}

/// Jobs a second, from the start of the workers until the end of every job is written.
#[expect(clippy::cast_precision_loss, reason = "a number of jobs")]
pub(super) async fn rates(url: &str, plan: &Plan, mode: Mode, workers: usize) -> Result<Vec<f64>, AnyError> {
    let store = open(url).await?;
    let mut rates = Vec::new();
    for _ in 0..plan.rounds {
        for batch in jobs(plan.jobs, 10)?.chunks(1_000) {
            store.enqueue(batch).await?;
        }
        settle(&store).await?;
        let (leave, runs) = (CancellationToken::new(), Arc::new(AtomicUsize::new(0)));
        let stores = open_all(url, workers).await?;
        let begun = Instant::now();
        let mut running = Vec::new();
        for store in stores {
            let runs = Arc::clone(&runs);
            running.push(start(
                store,
                mode.config(),
                move |_| {
                    runs.fetch_add(1, Ordering::Relaxed);
                },
                &leave,
            )?);
        }
        while runs.load(Ordering::Relaxed) < plan.jobs || live(&store).await? {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        rates.push(plan.jobs as f64 / begun.elapsed().as_secs_f64());
        leave.cancel();
        for worker in running {
            worker.await?;
        }
        let runs = runs.load(Ordering::Relaxed);
        if runs != plan.jobs {
            return Err(format!("{runs} runs of {} jobs", plan.jobs).into());
        }
        empty(&store).await?;
    }
    Ok(rates)
}

async fn open_all(url: &str, many: usize) -> Result<Vec<SqlJobStore<Unaudited>>, AnyError> {
    let mut stores = Vec::new();
    for _ in 0..many {
        stores.push(open(url).await?);
    }
    Ok(stores)
}

const SAMPLES: usize = 300;

/// How long a job waits when nothing else is to be done: the median, and what one in a hundred waits longer. The worker is of another
/// pool than who enqueues, as one of another process would be.
pub(super) async fn latency(url: &str) -> Result<(Duration, Duration), AnyError> {
    let (enqueuer, store) = (open(url).await?, open(url).await?);
    // SQLite tells within the process alone
    let store = if url.starts_with("sqlite:") { enqueuer.clone() } else { store };
    let leave = CancellationToken::new();
    let (tell, mut told) = mpsc::unbounded_channel();
    let worker = start(
        store,
        WorkerConfig::default(),
        move |_| {
            let _ = tell.send(Instant::now());
        },
        &leave,
    )?;
    let mut waits = Vec::new();
    tokio::time::sleep(Duration::from_millis(500)).await;
    for _ in 0..SAMPLES {
        tokio::time::sleep(Duration::from_millis(25)).await;
        let job = jobs(1, 1)?;
        let begun = Instant::now();
        enqueuer.enqueue(&job).await?;
        waits.push(told.recv().await.ok_or("the worker is gone")?.saturating_duration_since(begun));
    }
    leave.cancel();
    worker.await?;
    empty(&enqueuer).await?;
    waits.sort_unstable();
    let at = |part: usize| waits.get(waits.len() * part / 100).copied().unwrap_or_default();
    Ok((at(50), at(99)))
}
