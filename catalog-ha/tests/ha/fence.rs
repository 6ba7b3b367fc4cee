//! What a leader writes late changes nothing.

use std::{sync::Arc, time::Duration};

use catalog_core::store::{
    StoreErrorKind,
    database::{Database, Transaction},
    hook::Fence,
    statement::{Dialect, Statement},
};
use catalog_ha::{
    elector::{Elector, ElectorConfig, LeaderGuard},
    fence::{DatabaseFenceStore, FenceStore, FencingToken},
    lease::{DatabaseLeaseStore, LeaseName},
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::databases::{postgres, sqlite};

pub(crate) const QUICK: ElectorConfig =
    ElectorConfig { lease_seconds: 2, renew_deadline_seconds: 1.5, retry_seconds: 0.5, grace_seconds: 5.0 };

fn name() -> LeaseName {
    "test".parse().unwrap()
}

/// Its guards, what stops it, and its end.
type Candidate = (mpsc::UnboundedReceiver<LeaderGuard>, CancellationToken, tokio::task::JoinHandle<()>);

/// Campaigns in the background, and sends its guards.
pub(crate) async fn leader(database: &Database, lease: &LeaseName, who: &str) -> Candidate {
    candidate(database, lease, who, QUICK).await
}

async fn candidate(database: &Database, lease: &LeaseName, who: &str, config: ElectorConfig) -> Candidate {
    let fences = DatabaseFenceStore::open(database.clone()).await.unwrap();
    let leases = DatabaseLeaseStore::new(database.clone());
    let elector = Elector::new(lease.clone(), leases, fences, who, config).unwrap();
    let (tell, told) = mpsc::unbounded_channel();
    let stop = CancellationToken::new();
    let running = tokio::spawn({
        let stop = stop.clone();
        async move {
            let work = |guard: LeaderGuard| {
                let tell = tell.clone();
                async move {
                    let _ = tell.send(guard.clone());
                    guard.cancelled().await;
                    Ok(())
                }
            };
            elector.run(&stop, work).await.unwrap();
        }
    });
    (told, stop, running)
}

pub(crate) async fn begin_write(database: &Database, number: i64) -> Transaction {
    let mut transaction = database.begin().await.unwrap();
    let mut insert = Statement::new(database.dialect());
    insert.push("insert into written (n) values (").bind(number).push(")");
    transaction.execute(insert).await.unwrap();
    transaction
}

pub(crate) async fn comes_to(database: &Database, select: &'static str, wanted: impl Fn(i64) -> bool) {
    let by = std::time::Instant::now() + Duration::from_secs(20);
    loop {
        let mut statement = Statement::new(database.dialect());
        statement.push(select);
        let found = database.fetch(statement).await.unwrap().first_mut().unwrap().integer(0).unwrap();
        if wanted(found) {
            return;
        }
        assert!(std::time::Instant::now() < by, "{select}: {found}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) async fn written(database: &Database) -> Vec<i64> {
    let mut select = Statement::new(database.dialect());
    select.push("select n from written order by n");
    let rows = database.fetch(select).await.unwrap();
    rows.into_iter().map(|mut row| row.integer(0).unwrap()).collect()
}

pub(crate) async fn table(database: &Database) {
    let mut transaction = database.begin().await.unwrap();
    transaction.execute_script("create table written (n bigint primary key)").await.unwrap();
    transaction.commit().await.unwrap();
}

/// The token of a leader whose process knows nothing of it yet is no longer the newest.
async fn an_old_token_changes_nothing(database: Database) {
    table(&database).await;
    let (mut guards, _stop, running) = leader(&database, &name(), "a").await;
    let guard = guards.recv().await.unwrap();
    let mut transaction = begin_write(&database, 1).await;
    guard.check(&mut transaction).await.unwrap();
    transaction.commit().await.unwrap();
    // another leader, of which this one has not heard
    let fences = DatabaseFenceStore::open(database.clone()).await.unwrap();
    let newest = fences.raise(&name(), guard.token(), "b").await.unwrap();
    assert!(newest > guard.token() && guard.is_leading());
    let mut transaction = begin_write(&database, 2).await;
    assert_eq!(guard.fenced(&mut transaction).await.unwrap_err().kind(), StoreErrorKind::Fenced);
    drop(transaction);
    assert_eq!(written(&database).await, [1]);
    running.abort();
    guard.cancelled().await;
    let mut transaction = begin_write(&database, 3).await;
    assert_eq!(guard.fenced(&mut transaction).await.unwrap_err().kind(), StoreErrorKind::Fenced);
}

#[tokio::test]
async fn an_old_token_changes_nothing_on_sqlite() {
    let (database, _folder) = sqlite().await;
    an_old_token_changes_nothing(database).await;
}

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn an_old_token_changes_nothing_on_postgres() {
    an_old_token_changes_nothing(postgres("old_token").await).await;
}

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn the_next_leader_waits_for_a_transaction_that_has_checked_its_token() {
    let database = postgres("waits").await;
    table(&database).await;
    let (mut guards, _stop, running) = leader(&database, &name(), "a").await;
    let guard = guards.recv().await.unwrap();
    let mut transaction = begin_write(&database, 1).await;
    guard.fenced(&mut transaction).await.unwrap();
    let fences = Arc::new(DatabaseFenceStore::open(database.clone()).await.unwrap());
    let mut raising = tokio::spawn({
        let (fences, token) = (fences.clone(), guard.token());
        async move { fences.raise(&name(), token, "b").await.unwrap() }
    });
    assert!(tokio::time::timeout(Duration::from_millis(300), &mut raising).await.is_err());
    assert_eq!(written(&database).await, [0; 0]);
    transaction.commit().await.unwrap();
    assert!(raising.await.unwrap() > guard.token());
    assert_eq!(written(&database).await, [1]);
    running.abort();
}

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn a_token_of_another_timeline_is_old() {
    let database = postgres("timeline").await;
    table(&database).await;
    let (mut guards, _stop, running) = leader(&database, &name(), "a").await;
    let guard = guards.recv().await.unwrap();
    assert_eq!(database.dialect(), Dialect::Postgres);
    assert!(guard.token().timeline >= 1);
    // what a copy on an earlier timeline says of this one
    let mut transaction = database.begin().await.unwrap();
    transaction
        .execute_script("update catalog_ha_fences set timeline = timeline - 1, number = 7")
        .await
        .unwrap();
    transaction.commit().await.unwrap();
    let fences = DatabaseFenceStore::open(database.clone()).await.unwrap();
    let stored = fences.newest(&name()).await.unwrap();
    let raised = fences.raise(&name(), stored, "b").await.unwrap();
    assert_eq!(raised, FencingToken { timeline: stored.timeline + 1, number: 8 });
    let mut transaction = begin_write(&database, 1).await;
    assert_eq!(guard.fenced(&mut transaction).await.unwrap_err().kind(), StoreErrorKind::Fenced);
    running.abort();
}

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn a_lease_that_is_released_wakes_the_next_one() {
    const LISTENERS: &str =
        "select count(*) from pg_stat_activity where datname = current_database() and query like 'LISTEN %'";
    let database = postgres("wakes").await;
    // it would look by itself only after 2 s
    let config = ElectorConfig::default();
    let (mut a, stop, running) = candidate(&database, &name(), "a", config).await;
    a.recv().await.unwrap();
    let (mut b, _stop, other) = candidate(&database, &name(), "b", config).await;
    comes_to(&database, LISTENERS, |listeners| listeners == 2).await;
    let told = std::time::Instant::now();
    stop.cancel();
    let next = b.recv().await.unwrap();
    assert!(told.elapsed() < Duration::from_secs(1), "{:?}", told.elapsed());
    assert_eq!(next.token().number, 2);
    running.await.unwrap();
    other.abort();
}

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn a_pool_that_is_used_up_keeps_no_renewal_waiting() {
    // the first version is the time at which it was taken
    const RENEWALS: &str = "select version - acquired_at_ms from catalog_ha_leases";
    let url = crate::databases::empty_postgres("used_up").await;
    let options = catalog_core::store::database::DatabaseOptions {
        connections: 1,
        ..catalog_core::store::database::DatabaseOptions::default()
    };
    let database = Database::postgres(&url, options).await.unwrap();
    catalog_core::store::sql::migrate(&database, catalog_ha::MIGRATIONS).await.unwrap();
    let beside = Database::postgres(&url, options).await.unwrap();
    let held = database.begin().await.unwrap();
    let (mut guards, _stop, running) = leader(&database, &name(), "a").await;
    let guard = guards.recv().await.unwrap();
    // each half a second after the one before, and together longer than the lease
    comes_to(&beside, RENEWALS, |renewals| renewals > 5).await;
    assert!(guard.is_leading());
    drop(held);
    running.abort();
}
