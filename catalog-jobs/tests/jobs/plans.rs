//! How much PostgreSQL reads for what a worker asks.

use std::time::Duration;

use catalog_core::store::{
    database::{Database, DatabaseOptions},
    hook::Unaudited,
    sql::migrate,
    statement::Statement,
};
use catalog_jobs::{
    Beat, Claim, ClaimRequest, Outcome, Renewed, Rotation, Settlement,
    store::{ClaimStore, EnqueueStore, MIGRATIONS, SqlJobStore},
    testing::say,
};

use crate::sql::empty;

async fn numbers(database: &Database, text: &'static str) -> Vec<i64> {
    let mut select = Statement::new(database.dialect());
    select.push(text);
    let rows = database.fetch(select).await.unwrap();
    rows.into_iter().map(|mut row| row.integer(0).unwrap()).collect()
}

async fn claim(store: &SqlJobStore<Unaudited>, most: usize) -> Vec<Claim> {
    let request = ClaimRequest::new("default".parse().unwrap(), "one", most, Duration::from_secs(30));
    let batch = store.claim_any_tenant(&request, &mut Rotation::default()).await.unwrap();
    batch.claimed.into_iter().map(|claimed| claimed.claim).collect()
}

fn done(claims: &[Claim]) -> Vec<Settlement> {
    let outcome = Outcome::Succeeded { result: None };
    let done = |claim: &Claim| Settlement { claim: claim.clone(), outcome: outcome.clone(), progress: None };
    claims.iter().map(done).collect()
}

/// What the engine remembers of a calm, that there are no jobs, must not have it read all of them for each that is meant.
#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn a_flood_after_a_calm_is_not_read_whole_for_each_job() {
    const FLOOD: usize = 10_000;
    let url = empty("jobs_plans").await;
    let open = async || Database::postgres(&url, DatabaseOptions::default()).await.unwrap();
    let direct = open().await;
    migrate(&direct, MIGRATIONS).await.unwrap();
    let store = SqlJobStore::new(direct.clone(), Unaudited);
    let jobs = |many: usize| (0..many).map(|number| say("a", &number.to_string())).collect::<Vec<_>>();
    store.enqueue(&jobs(1_000)).await.unwrap();
    // who reads for long keeps what is gone from being cleared away
    let mut reader = open().await.begin().await.unwrap();
    let old = "set transaction isolation level repeatable read; select count(*) from catalog_jobs_live";
    reader.execute_script(old).await.unwrap();
    let claims = claim(&store, 1_000).await;
    assert_eq!(store.settle(&done(&claims)).await.unwrap(), [true; 1_000]);
    for table in ["vacuum analyze catalog_jobs_live", "vacuum analyze catalog_jobs_records"] {
        numbers(&direct, table).await;
    }
    let calm = "select reltuples::bigint from pg_class where relname = 'catalog_jobs_live'";
    assert_eq!(numbers(&direct, calm).await, [0]);
    for jobs in jobs(FLOOD).chunks(1_000) {
        store.enqueue(jobs).await.unwrap();
    }
    let claims = claim(&store, 500).await;
    // a connection tells what it did when it ends
    direct.close().await;
    let direct = open().await;
    let read = async || {
        let read = "select (select sum(idx_tup_read) from pg_stat_user_indexes)::bigint + (select sum(seq_tup_read) from pg_stat_user_tables)::bigint";
        numbers(&direct, read).await.remove(0)
    };
    let before = read().await;
    // whoever connects now plans by the calm
    let store = SqlJobStore::new(open().await, Unaudited);
    let beats: Vec<Beat> = claims.iter().map(|claim| Beat { claim: claim.clone(), progress: None }).collect();
    assert_eq!(store.renew(&beats, Duration::from_secs(30)).await.unwrap(), [Renewed::Held; 500]);
    assert_eq!(store.settle(&done(&claims)).await.unwrap(), [true; 500]);
    store.database().close().await;
    let read = read().await - before;
    assert!(read < i64::try_from(FLOOD).unwrap(), "{read} rows were read for 500 jobs");
    reader.rollback().await.unwrap();
    assert!(read < i64::try_from(FLOOD).unwrap(), "{read} rows were read for 500 jobs");
}
