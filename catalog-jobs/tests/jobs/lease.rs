//! Claims on a database that is not to be had for a while: effects that take longer than the lease, and a database that is gone.

use std::time::Duration;

use catalog_core::{
    store::{
        database::{Database, DatabaseOptions},
        hook::{Fence, Unaudited},
        sql::migrate,
    },
    testing::scope,
};
use catalog_jobs::{
    Attempt, JobError, JobState, Lease, QueueName, Worker, WorkerConfig,
    store::{ClaimStore, CompleteStore, EnqueueStore, MIGRATIONS, RecordStore, SqlJobStore, UpkeepStore},
    testing::{LEASE, Say, claim, say},
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tower::service_fn;

use crate::sql::{Fixture, postgres, sqlite};

/// A check renews the claim, if the transaction is committed.
async fn a_check_renews(fixture: Fixture) {
    let (store, clock) = (&fixture.store, &fixture.clock);
    for (commits, reaped) in [(true, 0), (false, 1)] {
        store.enqueue(&[say("a", "x")]).await.unwrap();
        let claim = claim(store, 1).await.remove(0).claim;
        let fence = store.renewing_fence(&claim, &Lease::new(LEASE));
        let mut transaction = store.database().begin_any_tenant().await.unwrap();
        fence.check(&mut transaction).await.unwrap();
        clock.advance(LEASE * 2);
        fence.check(&mut transaction).await.unwrap();
        if commits {
            transaction.commit().await.unwrap();
        } else {
            transaction.rollback().await.unwrap();
        }
        assert_eq!(store.reap_any_tenant(9).await.unwrap().total(), reaped, "{commits}");
        clock.advance(LEASE * 2);
        store.reap_any_tenant(9).await.unwrap();
        let mut transaction = store.database().begin_any_tenant().await.unwrap();
        assert!(fence.check(&mut transaction).await.is_err(), "what was taken away is not renewed");
    }
}

#[tokio::test]
async fn a_check_renews_the_claim_on_sqlite() {
    a_check_renews(sqlite("renews").await).await;
}

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn a_check_renews_the_claim_on_postgres() {
    a_check_renews(postgres("renews").await).await;
}

/// A database that refuses before long who cannot have it.
async fn impatient(folder: &TempDir) -> SqlJobStore<Unaudited> {
    let url = format!("sqlite://{}", folder.path().join("jobs.db").display());
    let options =
        DatabaseOptions { acquire_timeout: Duration::from_millis(100), ..DatabaseOptions::default() };
    let database = Database::sqlite(&url, options).await.unwrap();
    migrate(&database, MIGRATIONS).await.unwrap();
    SqlJobStore::new(database, Unaudited)
}

#[tokio::test]
async fn an_effect_that_keeps_all_others_from_writing_keeps_its_claim() {
    let folder = tempfile::tempdir().unwrap();
    let store = impatient(&folder).await;
    let of = store.clone();
    let handler = service_fn(move |attempt: Attempt<Say>| {
        let store = of.clone();
        async move {
            let fence = attempt.context.fence(&store);
            let mut transaction = store.database().begin_any_tenant().await?;
            fence.check(&mut transaction).await?;
            // several leases long nothing of it may be heard
            let lost = attempt.context.cancellation().cancelled();
            if tokio::time::timeout(Duration::from_secs(3), lost).await.is_ok() {
                return Err(JobError::permanent("the claim was given up"));
            }
            fence.check(&mut transaction).await?;
            transaction.commit().await?;
            Ok(())
        }
    });
    let config = WorkerConfig { lease_seconds: 1, ..WorkerConfig::default() };
    let worker = Worker::new(store.clone(), QueueName::default(), "test").with_config(config).unwrap();
    let leave = CancellationToken::new();
    let worker = worker.with_handler::<Say, _>(handler).unwrap();
    let working = tokio::spawn(worker.run(leave.clone()));
    let id = store.enqueue(&[say("a", "x")]).await.unwrap()[0].id();
    let scope = scope("a").await;
    let record = loop {
        let record = store.find(&scope, id).await.unwrap().unwrap();
        if record.state.is_final() {
            break record;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!((record.state, record.attempt_count), (JobState::Succeeded, 1), "{:?}", record.last_error);
    leave.cancel();
    working.await.unwrap();
}

#[tokio::test]
async fn who_leaves_does_not_wait_for_a_database_that_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let store = impatient(&folder).await;
    let of = store.clone();
    let handler = service_fn(move |_: Attempt<Say>| {
        let store = of.clone();
        async move {
            store.database().close().await;
            Ok::<_, JobError>(())
        }
    });
    let config = WorkerConfig { drain_seconds: 1, ..WorkerConfig::default() };
    let worker = Worker::new(store.clone(), QueueName::default(), "test").with_config(config).unwrap();
    let leave = CancellationToken::new();
    let worker = worker.with_handler::<Say, _>(handler).unwrap();
    store.enqueue(&[say("a", "x")]).await.unwrap();
    let working = tokio::spawn(worker.run(leave.clone()));
    // closed by the attempt, whose end cannot be written then
    while store.paused().await.is_ok() {
        tokio::task::yield_now().await;
    }
    leave.cancel();
    tokio::time::timeout(Duration::from_secs(20), working).await.unwrap().unwrap();
}
