//! Whatever a payload is, it comes out as it went in, and a handler that cannot read it fails the job for good.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use catalog_core::{store::hook::Unaudited, testing::scope};
use catalog_jobs::{
    Attempt, Job, JobError, JobState, NewJob, QueueName, Worker,
    store::{EnqueueStore, JobStore, MemoryJobStore, RecordStore},
    testing,
};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tower::service_fn;

use crate::sql::{postgres, sqlite};

/// What is enqueued: anything.
#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent)]
struct Anything(Value);

impl Job for Anything {
    const KIND: &'static str = "picky";
}

/// What the handler takes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Picky {
    name: String,
    #[serde(default)]
    many: Option<u8>,
}

impl Job for Picky {
    const KIND: &'static str = "picky";
}

fn payload() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".*".prop_map(Value::from),
        Just(Value::from("\0\u{feff}\u{202e}'; drop table catalog_jobs_live; --")),
    ];
    let any = leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map("name|many|.{0,9}", inner, 0..6)
                .prop_map(|map| map.into_iter().collect::<Value>()),
        ]
    });
    let picky = (".*", 0..300_u16).prop_map(|(name, many)| serde_json::json!({"name": name, "many": many}));
    prop_oneof![3 => any, 1 => picky]
}

/// The same ones in each run, so that each store gets them.
fn payloads() -> Vec<Value> {
    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    (0..400).map(|_| payload().new_tree(&mut runner).unwrap().current()).collect()
}

async fn what_goes_in_comes_out<S: JobStore>(store: &S) {
    let payloads = payloads();
    let job = |payload: &Value| NewJob::new("a".parse().unwrap(), &Anything(payload.clone())).unwrap();
    let jobs: Vec<NewJob> = payloads.iter().map(job).collect();
    store.enqueue(&jobs).await.unwrap();
    let claimed = testing::claim(store, jobs.len()).await;
    assert_eq!(claimed.len(), jobs.len());
    for claimed in claimed {
        let job = jobs.iter().find(|job| job.id == claimed.claim.id).unwrap();
        assert_eq!(claimed.payload, job.payload);
    }
}

#[tokio::test]
async fn what_goes_in_comes_out_of_memory() {
    what_goes_in_comes_out(&MemoryJobStore::new(Unaudited)).await;
}

#[tokio::test]
async fn what_goes_in_comes_out_of_sqlite() {
    what_goes_in_comes_out(&sqlite("payloads").await.store).await;
}

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn what_goes_in_comes_out_of_postgres() {
    what_goes_in_comes_out(&postgres("payloads").await.store).await;
}

/// One attempt each: what cannot be read once cannot be read at all.
#[tokio::test(start_paused = true)]
async fn what_the_handler_cannot_read_fails_for_good() {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    let store = MemoryJobStore::new(Unaudited);
    let jobs: Vec<NewJob> = payloads()
        .into_iter()
        .map(|payload| NewJob::new("a".parse().unwrap(), &Anything(payload)).unwrap())
        .collect();
    store.enqueue(&jobs).await.unwrap();
    let handler = service_fn(async |_: Attempt<Picky>| {
        RUNS.fetch_add(1, Ordering::Relaxed);
        Ok::<_, JobError>(())
    });
    let worker = Worker::new(store.clone(), QueueName::default(), "one");
    let worker = worker.with_handler::<Picky, _>(handler).unwrap();
    let leave = CancellationToken::new();
    let working = tokio::spawn(worker.run(leave.clone()));
    let a = scope("a").await;
    let mut readable = 0;
    for job in &jobs {
        let record = loop {
            let record = store.find(&a, job.id).await.unwrap().unwrap();
            if record.state.is_final() {
                break record;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        };
        let is_readable = serde_json::from_str::<Picky>(&job.payload).is_ok();
        let expected = if is_readable { JobState::Succeeded } else { JobState::Failed };
        assert_eq!((record.state, record.attempt_count), (expected, 1), "{}", job.payload);
        readable += usize::from(is_readable);
    }
    leave.cancel();
    working.await.unwrap();
    assert!(readable > 0 && readable < jobs.len() && RUNS.load(Ordering::Relaxed) == readable);
}
