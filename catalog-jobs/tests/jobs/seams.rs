//! Jobs in the transactions of other stores, and effects in those of jobs.

use std::{sync::Arc, time::Duration};

use catalog_core::{
    name::KindName,
    source::SourceSpec,
    store::{
        AssetStore, Attribution, IfTag, SourceKey, SourceStore, StoreErrorKind,
        database::Database,
        hook::Unaudited,
        sql::{self, SqlAssetStore, SqlSourceStore, migrate},
        statement::Statement,
    },
    testing::{BrokenRecorder, scope},
};
use catalog_jobs::{
    Attempt, ClaimRequest, JobError, JobQuery, JobState, NewJob, Outcome, QueueName, RefreshQueue,
    RefreshSource, Rotation, Worker, WorkerConfig,
    schedule::{Scheduler, SourceSchedules},
    store::{ClaimStore, CompleteStore, EnqueueStore, RecordStore, SqlJobStore},
    testing::{self, Say, say},
};
use tokio_util::sync::CancellationToken;
use tower::service_fn;

use crate::sql::{Fixture, postgres, sqlite};

const TEST: Attribution = Attribution::system("test");

async fn count(database: &Database, text: &'static str) -> i64 {
    let mut select = Statement::new(database.dialect());
    select.push(text);
    database.fetch(select).await.unwrap().remove(0).integer(0).unwrap()
}

/// A source that is applied has its refresh enqueued; one whose change is not made has not.
async fn a_change_and_its_job_are_one(fixture: Fixture) {
    let database = fixture.store.database().clone();
    migrate(&database, sql::MIGRATIONS).await.unwrap();
    let queue = RefreshQueue::new(fixture.store.clone(), "refresh".parse().unwrap());
    let plugin = "mcp".parse().unwrap();
    let spec = |name: &str| {
        let spec = serde_json::json!({"id": "acme", "name": name, "type": "yaml"});
        serde_json::from_value::<SourceSpec>(spec).unwrap()
    };
    let broken = SqlSourceStore::new(database.clone(), BrokenRecorder, queue.clone());
    broken.apply(&scope("a").await, &TEST, &plugin, &spec("one")).await.unwrap_err();
    assert_eq!(count(&database, "select count(*) from catalog_jobs_live").await, 0);
    let mut wakes = fixture.store.wakes().of(&"refresh".parse().unwrap());
    let sources = SqlSourceStore::new(database.clone(), Unaudited, queue);
    for name in ["one", "two"] {
        sources.apply(&scope("a").await, &TEST, &plugin, &spec(name)).await.unwrap();
    }
    assert!(wakes.has_changed().unwrap(), "workers are told");
    wakes.mark_unchanged();
    let jobs = fixture.store.list(&scope("a").await, &JobQuery::default()).await.unwrap();
    let [job] = jobs.as_slice() else { panic!("{} jobs", jobs.len()) };
    assert_eq!((job.kind.as_str(), job.queue.as_str()), ("refresh", "refresh"));
    assert_eq!(job.source_id.as_ref().unwrap().as_str(), "acme");
}

/// A source is refreshed when its schedule says so, as long as it has one, is enabled and is there.
async fn a_source_is_refreshed_by_its_schedule(fixture: Fixture) {
    let Fixture { store, clock, .. } = &fixture;
    migrate(store.database(), sql::MIGRATIONS).await.unwrap();
    let own = Arc::new(clock.clone());
    let queue = SourceSchedules::new(store.clone(), "refresh".parse().unwrap(), 3).with_clock(own.clone());
    let sources = SqlSourceStore::new(store.database().clone(), Unaudited, queue.clone());
    let scheduler = Scheduler::new(store.clone()).with_clock(own);
    let (a, plugin) = (scope("a").await, "mcp".parse().unwrap());
    let key = SourceKey { plugin: "mcp".parse().unwrap(), id: "Acme_1".parse().unwrap() };
    let spec = |schedule: &str| {
        let spec = serde_json::json!({"id": "Acme_1", "type": "yaml", "schedule": schedule});
        serde_json::from_value::<SourceSpec>(spec).unwrap()
    };
    let change = async |change: fn(&mut SourceSpec)| {
        sources.change(&a, &TEST, &key, &IfTag::ANY, change).await.unwrap().unwrap();
    };
    // what is live when it is due stands for it, so that it is settled each time
    let settled = async || {
        let request = ClaimRequest::new("refresh".parse().unwrap(), "test", 9, testing::LEASE);
        let claimed = store.claim_any_tenant(&request, &mut Rotation::default()).await.unwrap().claimed;
        for claimed in &claimed {
            assert!(testing::settle(store, &claimed.claim, Outcome::Succeeded { result: None }).await);
        }
        claimed.len()
    };
    let broken = SqlSourceStore::new(store.database().clone(), BrokenRecorder, queue);
    broken.apply(&a, &TEST, &plugin, &spec("0 * * * *")).await.unwrap_err();
    assert_eq!(scheduler.fire().await.unwrap(), None, "no source, no schedule");
    sources.apply(&a, &TEST, &plugin, &spec("never")).await.unwrap_err();
    assert_eq!(settled().await, 0);

    sources.apply(&a, &TEST, &plugin, &spec("0 * * * *")).await.unwrap();
    assert_eq!(settled().await, 1, "it is new");
    let hour = scheduler.fire().await.unwrap().unwrap();
    assert!(hour <= Duration::from_hours(1));
    clock.advance(hour);
    scheduler.fire().await.unwrap();
    let jobs = store.list(&a, &JobQuery::default()).await.unwrap();
    assert_eq!((jobs[0].requested_by.as_deref(), jobs[0].max_attempts), (Some("system:catalog:schedule"), 3));
    assert_eq!(settled().await, 1, "it is due");

    change(|spec| spec.schedule = Some("*/5 * * * * Asia/Kolkata".into())).await;
    assert!(scheduler.fire().await.unwrap().unwrap() <= Duration::from_mins(5), "another schedule");
    change(|spec| spec.enabled = false).await;
    assert_eq!(scheduler.fire().await.unwrap(), None, "it is disabled");
    change(|spec| spec.enabled = true).await;
    assert!(scheduler.fire().await.unwrap().is_some());
    change(|spec| spec.schedule = None).await;
    assert_eq!(scheduler.fire().await.unwrap(), None, "it has none any more");
    change(|spec| spec.schedule = Some("0 4 * * *".into())).await;
    assert!(scheduler.fire().await.unwrap().is_some());
    assert!(sources.remove(&a, &TEST, &key, &IfTag::ANY).await.unwrap());
    assert_eq!(scheduler.fire().await.unwrap(), None, "it is gone");
}

/// The assets of a source are replaced by who has the claim, and by nobody who has lost it.
async fn a_lost_claim_replaces_nothing(fixture: Fixture) {
    let database = fixture.store.database().clone();
    migrate(&database, sql::MIGRATIONS).await.unwrap();
    let assets = SqlAssetStore::new(database.clone(), Unaudited);
    let source = SourceKey { plugin: "test".parse().unwrap(), id: "acme".parse().unwrap() };
    let job = RefreshSource::job(&"a".parse().unwrap(), &source.plugin, &source.id).unwrap();
    fixture.store.enqueue(&[job]).await.unwrap();
    let claimed = testing::claim(&fixture.store, 1).await.remove(0);
    let fence = fixture.store.fence(&claimed.claim);
    let none = || Vec::<(KindName, _)>::new();
    assets.replace(&scope("a").await, &TEST, &source, none(), &fence).await.unwrap();
    fixture.clock.advance(testing::LEASE);
    assert_eq!(fixture.store.reap_any_tenant(9).await.unwrap().requeued, 1);
    let refused = assets.replace(&scope("a").await, &TEST, &source, none(), &fence).await.unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::Fenced);
}

/// Three workers do jobs whose effect is a row in the transaction of the completion; many fail before or after it. Every effect is there
/// once.
async fn effects_happen_once(fixture: Fixture) {
    const JOBS: usize = 300;
    // by the database's own clock
    let store = SqlJobStore::new(fixture.store.database().clone(), Unaudited);
    let database = store.database().clone();
    let mut create = database.begin().await.unwrap();
    create.execute_script("create table effects (id text primary key)").await.unwrap();
    create.commit().await.unwrap();
    let jobs: Vec<NewJob> =
        (0..JOBS).map(|number| say(["a", "b", "c"][number % 3], &number.to_string())).collect();
    store.enqueue(&jobs).await.unwrap();
    let leave = CancellationToken::new();
    let mut workers = Vec::new();
    for number in 0..3 {
        let of = store.clone();
        let handler = service_fn(move |attempt: Attempt<Say>| {
            let store = of.clone();
            async move {
                let first = attempt.context.attempt() == 1;
                let number: usize = attempt.job.0.parse().unwrap();
                let mut transaction = store.database().begin().await?;
                let mut insert = Statement::new(transaction.dialect());
                insert.push("insert into effects (id) values (").bind(attempt.job.0.as_str()).push(")");
                transaction.execute(insert).await?;
                if first && number.is_multiple_of(5) {
                    return Err(JobError::transient("before"));
                }
                attempt.context.complete_in(&store, &mut transaction, &number).await?;
                if first && number % 5 == 1 {
                    return Err(JobError::transient("within"));
                }
                transaction.commit().await?;
                if number % 5 == 2 {
                    return Err(JobError::permanent("afterwards"));
                }
                assert!(number % 5 != 3, "panics afterwards");
                Ok(0)
            }
        });
        let mut config = WorkerConfig { concurrency: 4, ..WorkerConfig::default() };
        config.retry.first_ms = 1;
        let worker = Worker::new(store.clone(), QueueName::default(), format!("{number}"));
        let worker = worker.with_config(config).unwrap().with_handler::<Say, _>(handler).unwrap();
        workers.push(tokio::spawn(worker.run(leave.clone())));
    }
    let left = "select count(*) from catalog_jobs_live";
    let all = async {
        while count(&database, left).await > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), all).await.unwrap();
    leave.cancel();
    for worker in workers {
        worker.await.unwrap();
    }
    let expected = i64::try_from(JOBS).unwrap();
    assert_eq!(count(&database, "select count(*) from effects").await, expected);
    assert_eq!(count(&database, "select count(*) from catalog_jobs_records where state = 1").await, expected);
    let a = scope("a").await;
    let succeeded = JobQuery { state: Some(JobState::Succeeded), ..JobQuery::default() };
    let listed = store.list(&a, &succeeded).await.unwrap();
    assert!(
        listed
            .iter()
            .all(|job| job.result.as_ref().is_some_and(|result| *result != 0 || job.id == jobs[0].id))
    );
}

/// A job whose worker is lost in the middle of its effect is taken by another; of the first nothing is left.
async fn a_frozen_worker_cannot_commit(fixture: Fixture) {
    let database = fixture.store.database().clone();
    fixture.store.enqueue(&[say("a", "x")]).await.unwrap();
    let frozen = testing::claim(&fixture.store, 1).await.remove(0);
    fixture.clock.advance(testing::LEASE);
    assert_eq!(fixture.store.reap_any_tenant(9).await.unwrap().requeued, 1);
    let second = testing::claim(&fixture.store, 1).await.remove(0);
    let complete = async |claim| {
        let mut transaction = database.begin().await.unwrap();
        let done = Box::new(|| {});
        fixture.store.complete_within(&mut transaction, claim, None, done).await?;
        transaction.commit().await
    };
    assert_eq!(complete(&frozen.claim).await.unwrap_err().kind(), StoreErrorKind::Fenced);
    complete(&second.claim).await.unwrap();
    assert_eq!(complete(&second.claim).await.unwrap_err().kind(), StoreErrorKind::Fenced);
    let record = fixture.store.find(&scope("a").await, second.claim.id).await.unwrap().unwrap();
    assert_eq!((record.state, record.attempt_count), (JobState::Succeeded, 2));
}

macro_rules! both {
    ($($name:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(super::sqlite(stringify!($name)).await).await;
            })*
        }

        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            #[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
            async fn $name() {
                super::$name(super::postgres(stringify!($name)).await).await;
            })*
        }
    };
}

both!(
    a_change_and_its_job_are_one,
    a_source_is_refreshed_by_its_schedule,
    a_lost_claim_replaces_nothing,
    effects_happen_once,
    a_frozen_worker_cannot_commit,
);

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn another_process_is_told_of_jobs() {
    let enqueuer = postgres("told").await.store;
    let elsewhere = SqlJobStore::new(enqueuer.database().clone(), Unaudited);
    let mut wakes = elsewhere.wakes().of(&QueueName::default());
    let listening = tokio::spawn({
        let elsewhere = elsewhere.clone();
        async move { elsewhere.listen().await }
    });
    wakes.changed().await.unwrap();
    // often enough that some are told of a little later
    for round in 0..20 {
        wakes.mark_unchanged();
        let job = say("a", "x");
        match round % 2 {
            0 => enqueuer.enqueue(&[job]).await.unwrap(),
            _ => enqueuer.enqueue(&[job.with_unique_key(format!("{round}")).unwrap()]).await.unwrap(),
        };
        tokio::time::timeout(Duration::from_secs(5), wakes.changed()).await.unwrap().unwrap();
    }
    listening.abort();
}
