//! The processes: this very program, told to work by its environment.

use std::{
    io::Read,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use catalog_core::store::{database::Transaction, hook::Unaudited};
use catalog_jobs::{Attempt, JobError, QueueName, Worker, WorkerConfig, store::SqlJobStore, testing::Say};
use tokio_util::sync::CancellationToken;
use tower::service_fn;

use crate::{open, tables, watch::limits};

/// Says to a child where its jobs are.
const CHILD: &str = "CATALOG_TEST_JOBS_CHILD";
const LEASE: u32 = 2;
/// So long a process is frozen: longer than its leases are.
const FROZEN: Duration = Duration::from_secs(LEASE as u64 + 1);

/// What a child does until it is killed, or nobody holds its input any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let Ok(url) = std::env::var(CHILD) else { return };
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(1);
    });
    let store = SqlJobStore::new(open(&url).await, Unaudited);
    let of = store.clone();
    let handler = service_fn(move |attempt: Attempt<Say>| effect(of.clone(), attempt));
    let mut config =
        WorkerConfig { concurrency: 8, lease_seconds: LEASE, limits: limits(), ..WorkerConfig::default() };
    config.retry.first_ms = 10;
    let name = std::process::id().to_string();
    let worker = Worker::new(store, QueueName::default(), name).with_config(config).unwrap();
    let worker = worker.with_handler::<Say, _>(handler).unwrap();
    worker.run(CancellationToken::new()).await;
}

async fn effect(store: SqlJobStore<Unaudited>, attempt: Attempt<Say>) -> Result<(), JobError> {
    let number: i64 = attempt.job.0.parse().map_err(|_| JobError::permanent("no number"))?;
    tables::note_start(store.database(), number, attempt.context.claim()).await?;
    let mut transaction: Transaction = store.database().begin().await?;
    tables::take_effect(&mut transaction, number, attempt.context.namespace()).await?;
    attempt.context.complete_in(&store, &mut transaction, &number).await?;
    transaction.commit().await?;
    Ok(())
}

/// Processes that work. None outlives this.
pub(crate) struct Processes {
    url: String,
    children: Vec<Process>,
}

struct Process {
    child: Child,
    thaw_at: Option<Instant>,
}

impl Process {
    fn start(url: &str) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["child::child", "--exact"])
            .env(CHILD, url)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, thaw_at: None }
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success(), "the process ended by itself");
    }
}

impl Processes {
    pub(crate) fn start(url: &str, many: usize) -> Self {
        let children = (0..many).map(|_| Process::start(url)).collect();
        Self { url: url.to_owned(), children }
    }

    /// Any one.
    fn pick(&mut self) -> &mut Process {
        let many = u64::try_from(self.children.len()).unwrap();
        let chosen = usize::try_from(getrandom::u64().unwrap() % many).unwrap();
        self.children.get_mut(chosen).unwrap()
    }

    /// Kills one, and starts another.
    pub(crate) fn kill_one(&mut self) {
        let another = Process::start(&self.url);
        let mut killed = std::mem::replace(self.pick(), another);
        killed.child.kill().unwrap();
        killed.child.wait().unwrap();
    }

    /// Freezes one, for longer than it has leases for.
    pub(crate) fn freeze_one(&mut self) {
        let process = self.pick();
        process.signal("-STOP");
        process.thaw_at = Some(Instant::now() + FROZEN);
    }

    pub(crate) fn thaw_those_that_slept(&mut self) {
        for process in &mut self.children {
            if process.thaw_at.is_some_and(|thaw_at| thaw_at <= Instant::now()) {
                process.thaw_at = None;
                process.signal("-CONT");
            }
        }
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        for process in &mut self.children {
            let _ = process.child.kill();
            let _ = process.child.wait();
        }
    }
}
