//! Workers on the store in memory, by a time that stands still until nothing else can be done.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use catalog_core::{
    store::{MemoryTransaction, hook::Unaudited},
    testing::{TEST, scope},
};
use catalog_jobs::{
    Attempt, Cancel, Due, JobError, JobRecord, JobState, Limits, NewJob, QueueName, RetryPolicy, Worker,
    WorkerConfig,
    store::{ClaimStore, EnqueueStore, MemoryJobStore, RecordStore},
    testing::{RuntimeClock, Say, say},
};
use tokio::{task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;
use tower::{ServiceBuilder, service_fn};
use uuid::Uuid;

fn store() -> MemoryJobStore<Unaudited> {
    MemoryJobStore::new(Unaudited).with_clock(Arc::new(RuntimeClock::start()))
}

struct Running {
    leave: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    async fn stop(self) {
        self.leave.cancel();
        self.task.await.unwrap();
    }
}

fn start<F, Fut>(store: &MemoryJobStore<Unaudited>, config: WorkerConfig, handler: F) -> Running
where
    F: Fn(Attempt<Say>) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<serde_json::Value, JobError>> + Send + 'static,
{
    let worker = Worker::new(store.clone(), QueueName::default(), "test").with_config(config).unwrap();
    let worker = worker.with_handler::<Say, _>(service_fn(handler)).unwrap();
    let leave = CancellationToken::new();
    let task = tokio::spawn(worker.run(leave.clone()));
    Running { leave, task }
}

async fn shown(store: &MemoryJobStore<Unaudited>, id: Uuid) -> JobRecord {
    store.find(&scope("a").await, id).await.unwrap().unwrap()
}

async fn until(
    store: &MemoryJobStore<Unaudited>,
    id: Uuid,
    reached: impl Fn(&JobRecord) -> bool,
) -> JobRecord {
    for round in 0..200_000 {
        let record = shown(store, id).await;
        if reached(&record) {
            return record;
        }
        // what takes hours is looked at less often
        tokio::time::sleep(Duration::from_millis(if round < 100_000 { 1 } else { 20_000 })).await;
    }
    panic!("never: {:?}", shown(store, id).await);
}

async fn over(store: &MemoryJobStore<Unaudited>, id: Uuid) -> JobRecord {
    until(store, id, |record| record.state.is_final()).await
}

async fn enqueue(store: &MemoryJobStore<Unaudited>, job: NewJob) -> Uuid {
    store.enqueue(&[job]).await.unwrap()[0].id()
}

#[tokio::test(start_paused = true)]
async fn what_a_handler_gives_is_the_result_and_jobs_begin_at_once() {
    let store = store();
    let worker = start(&store, WorkerConfig::default(), async |attempt: Attempt<Say>| {
        assert_eq!((attempt.context.attempt(), attempt.context.namespace().as_str()), (1, "a"));
        attempt.context.progress(1, Some(2), Some("half\n"));
        Ok(serde_json::json!({"said": attempt.job.0}))
    });
    tokio::time::sleep(Duration::from_secs(100)).await;
    let begun = Instant::now();
    let record = over(&store, enqueue(&store, say("a", "x")).await).await;
    assert!(begun.elapsed() < Duration::from_millis(10), "nobody had to look for it");
    assert_eq!((record.state, record.result.unwrap()["said"].as_str()), (JobState::Succeeded, Some("x")));
    let progress = record.progress.unwrap();
    assert_eq!((progress.done, progress.message.as_deref()), (1, Some("half")));
    let later = enqueue(&store, say("a", "y").due(Due::After(Duration::from_millis(12_345)))).await;
    let begun = Instant::now();
    over(&store, later).await;
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(12_345) && took < Duration::from_millis(12_400), "{took:?}");
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn failures_are_tried_again_as_they_say() {
    let (store, calls) = (store(), Arc::new(AtomicUsize::new(0)));
    let config = WorkerConfig {
        timeout_seconds: 60,
        retry: RetryPolicy { first_ms: 1_000, max_ms: 10_000 },
        ..WorkerConfig::default()
    };
    let counted = Arc::clone(&calls);
    let worker = start(&store, config, move |attempt: Attempt<Say>| {
        counted.fetch_add(1, Ordering::SeqCst);
        async move {
            match attempt.job.0.as_str() {
                "passes" if attempt.context.attempt() < 3 => Err(JobError::transient("not yet")),
                "passes" => Ok(().into()),
                "never" => Err(JobError::transient("no\u{1b}")),
                "wrong" => Err(JobError::permanent("the source is gone")),
                "busy" if attempt.context.requested_by().is_none() => {
                    Err(JobError::rate_limited(Duration::from_hours(1), "slow down"))
                }
                "panics" => panic!("as told"),
                _ => std::future::pending().await,
            }
        }
    });
    for (what, state, dead, attempts, error) in [
        ("passes", JobState::Succeeded, false, 3, None),
        ("never", JobState::Failed, true, 5, Some("no ")),
        ("wrong", JobState::Failed, false, 1, Some("the source is gone")),
        ("panics", JobState::Failed, true, 5, Some("the handler panicked: as told")),
        ("hangs", JobState::Failed, true, 5, Some("the attempt took more than 60 s")),
        // for a day attempts that were refused do not count, then they do
        ("busy", JobState::Failed, true, 5, Some("slow down")),
    ] {
        calls.store(0, Ordering::SeqCst);
        let record = over(&store, enqueue(&store, say("a", what)).await).await;
        assert_eq!((record.state, record.dead, record.attempt_count), (state, dead, attempts), "{what}");
        assert_eq!(record.last_error.as_deref(), error, "{what}");
        let expected = if what == "busy" { 24 + 5 } else { attempts as usize };
        assert_eq!(calls.load(Ordering::SeqCst), expected, "{what}");
    }
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_running_job_is_told_that_it_is_unwanted() {
    let store = store();
    let worker = start(&store, WorkerConfig::default(), async |attempt: Attempt<Say>| {
        if attempt.job.0 == "heeds" {
            attempt.context.cancellation().cancelled().await;
            return Err(JobError::transient("given up"));
        }
        std::future::pending().await
    });
    for (what, least, most) in [("heeds", 0, 3), ("hangs", 20, 45)] {
        let id = enqueue(&store, say("a", what)).await;
        until(&store, id, |record| record.state == JobState::Running).await;
        let begun = Instant::now();
        let canceled = store.cancel(&scope("a").await, &TEST, id, Duration::from_secs(20)).await.unwrap();
        assert_eq!(canceled, Some(Cancel::Requested));
        assert_eq!(over(&store, id).await.state, JobState::Canceled);
        let took = begun.elapsed().as_secs();
        assert!((least..=most).contains(&took), "{what} took {took} s");
    }
    let begun = Instant::now();
    worker.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(15), "what hangs is broken off with its claim");
}

#[tokio::test(start_paused = true)]
async fn who_leaves_finishes_what_can_be_and_gives_back_the_rest() {
    let store = store();
    let config = WorkerConfig { concurrency: 2, drain_seconds: 10, ..WorkerConfig::default() };
    let slow = async |attempt: Attempt<Say>| {
        let seconds = attempt.job.0.parse().unwrap();
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        Ok(().into())
    };
    let first = start(&store, config.clone(), slow);
    let mut ids = Vec::new();
    for seconds in ["5", "100", "1"] {
        ids.push(enqueue(&store, say("a", seconds)).await);
    }
    until(&store, ids[1], |record| record.state == JobState::Running).await;
    let begun = Instant::now();
    first.stop().await;
    assert_eq!(begun.elapsed().as_secs(), 11);
    let states: Vec<JobState> =
        [shown(&store, ids[0]).await, shown(&store, ids[1]).await, shown(&store, ids[2]).await]
            .map(|record| record.state)
            .into();
    assert_eq!(states, [JobState::Succeeded, JobState::Queued, JobState::Queued]);
    assert_eq!(shown(&store, ids[1]).await.attempt_count, 0, "it was not its fault");
    let begun = Instant::now();
    let second = start(&store, config, async |_| Ok(().into()));
    for id in &ids {
        over(&store, *id).await;
    }
    assert!(begun.elapsed() < Duration::from_millis(20), "another goes on at once: {:?}", begun.elapsed());
    second.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_lost_its_claim_is_told_and_changes_nothing() {
    let (store, told) = (store(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&told);
    let worker = start(&store, WorkerConfig::default(), move |attempt: Attempt<Say>| {
        let counted = Arc::clone(&counted);
        async move {
            if attempt.context.attempt() == 1 {
                attempt.context.cancellation().cancelled().await;
                counted.fetch_add(1, Ordering::SeqCst);
                return Ok("late".into());
            }
            Ok("in time".into())
        }
    });
    let id = enqueue(&store, say("a", "x")).await;
    until(&store, id, |record| record.state == JobState::Running).await;
    // somebody else takes it away, as if the lease had run out
    store.steal(id);
    let record = over(&store, id).await;
    assert_eq!(record.result.unwrap(), "in time");
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(shown(&store, id).await.result.unwrap(), "in time");
    assert_eq!(told.load(Ordering::SeqCst), 1);
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn leases_of_long_jobs_are_renewed_and_progress_is_seen() {
    let store = store();
    let config = WorkerConfig { lease_seconds: 3, ..WorkerConfig::default() };
    let worker = start(&store, config, async |attempt: Attempt<Say>| {
        for step in 1..=60 {
            attempt.context.progress(step, Some(60), None);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        Ok(().into())
    });
    let id = enqueue(&store, say("a", "x")).await;
    until(&store, id, |record| record.progress.as_ref().is_some_and(|progress| progress.done >= 30)).await;
    assert_eq!(store.reap_any_tenant(9).await.unwrap().total(), 0);
    let record = over(&store, id).await;
    assert_eq!((record.attempt_count, record.progress.unwrap().done), (1, 60));
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_effect_and_its_completion_are_one() {
    let store = store();
    let of = store.clone();
    let worker = start(&store, WorkerConfig::default(), move |attempt: Attempt<Say>| {
        let store = of.clone();
        async move {
            let mut transaction = MemoryTransaction::default();
            attempt.context.complete_in(&store, &mut transaction, &attempt.job.0).await?;
            if attempt.job.0 == "returns" {
                Ok("other".into())
            } else {
                Err(JobError::permanent("afterwards"))
            }
        }
    });
    for what in ["returns", "fails"] {
        let record = over(&store, enqueue(&store, say("a", what)).await).await;
        assert_eq!((record.state, record.result.unwrap().as_str()), (JobState::Succeeded, Some(what)));
    }
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_nobody_here_can_do_is_left_to_others() {
    let store = store();
    let id = enqueue(&store, say("a", "x")).await;
    let unable = Worker::new(store.clone(), QueueName::default(), "older");
    let leave = CancellationToken::new();
    let task = tokio::spawn(unable.run(leave.clone()));
    tokio::time::sleep(Duration::from_mins(10)).await;
    let record = shown(&store, id).await;
    assert_eq!((record.state, record.attempt_count), (JobState::Queued, 0));
    leave.cancel();
    task.await.unwrap();
    let able = start(&store, WorkerConfig::default(), async |_| Ok(().into()));
    assert_eq!(over(&store, id).await.state, JobState::Succeeded);
    able.stop().await;
}

#[tokio::test(start_paused = true)]
async fn no_more_run_at_once_than_may_and_layers_go_around_handlers() {
    let (store, now, most) = (store(), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let limits = Limits { queue: Some(5), per_tenant: Some(3), ..Limits::default() };
    let leave = CancellationToken::new();
    let mut tasks = Vec::new();
    for _ in 0..3 {
        let (now, most) = (Arc::clone(&now), Arc::clone(&most));
        let handler = service_fn(move |_: Attempt<Say>| {
            let (now, most) = (Arc::clone(&now), Arc::clone(&most));
            async move {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(10)).await;
                now.fetch_sub(1, Ordering::SeqCst);
                Ok::<_, JobError>(())
            }
        });
        let handler = ServiceBuilder::new().map_result(|done| done).service(handler);
        let config = WorkerConfig { limits: limits.clone(), ..WorkerConfig::default() };
        let worker = Worker::new(store.clone(), QueueName::default(), "test").with_config(config).unwrap();
        tasks.push(tokio::spawn(worker.with_handler::<Say, _>(handler).unwrap().run(leave.clone())));
    }
    let mut ids = Vec::new();
    for number in 0..60 {
        ids.push(enqueue(&store, say(["a", "a", "b"][number % 3], "x")).await);
    }
    for (number, id) in ids.iter().enumerate() {
        let tenant = scope(["a", "a", "b"][number % 3]).await;
        while !store.find(&tenant, *id).await.unwrap().unwrap().state.is_final() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    assert_eq!(most.load(Ordering::SeqCst), 5);
    leave.cancel();
    for task in tasks {
        task.await.unwrap();
    }
}

#[test]
fn a_configuration_that_cannot_be_used_names_the_key() {
    let config: WorkerConfig = serde_json::from_str(r#"{"concurrency": 0}"#).unwrap();
    assert_eq!(config.validate().unwrap_err().key(), "concurrency");
    assert!(serde_json::from_str::<WorkerConfig>(r#"{"concurency": 1}"#).is_err());
    assert_eq!(WorkerConfig::default().validate(), Ok(()));
}
