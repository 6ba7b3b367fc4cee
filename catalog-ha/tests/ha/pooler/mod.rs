//! Behind a pooler in transaction mode, which hides sessions.

mod proxy;

use std::time::Duration;

use catalog_core::store::{
    database::{Database, DatabaseOptions},
    sql::migrate,
    statement::Statement,
};
use catalog_ha::{
    MIGRATIONS,
    elector::{Elector, LeaderGuard},
    fence::{DatabaseFenceStore, FencingToken},
    lease::{DatabaseLeaseStore, LeaseName},
    migrate::{MigrationErrorKind, MigrationLock, Migrator},
};
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use self::proxy::{Next, pooler};
use crate::{databases::empty_postgres, fence::QUICK};

async fn open(url: &str) -> Database {
    Database::postgres(url, DatabaseOptions::default()).await.unwrap()
}

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn a_lock_of_the_session_is_refused_whatever_backend_comes_next() {
    let direct = empty_postgres("pooler").await;
    let refused = [
        ("oldest", 2, Next::Oldest),
        ("many", 5, Next::Oldest),
        ("newest", 3, Next::Newest),
        ("one", 1, Next::Newest),
    ]
    .map(async |(test, backends, next)| {
        let database = open(&pooler(&direct, backends, next).await).await;
        let refused = Migrator::new(database.clone(), "1.0.0").with_set(MIGRATIONS).run().await.unwrap_err();
        assert_eq!(refused.kind(), MigrationErrorKind::Pooler, "{test}: {refused}");
    });
    futures_util::future::join_all(refused).await;
    let there = Migrator::new(open(&direct).await, "1.0.0").with_set(MIGRATIONS).status().await.unwrap();
    assert_eq!(there.pending.len(), MIGRATIONS.migrations.len(), "nothing was done");
}

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn a_row_is_a_lock_behind_a_pooler_too() {
    let direct = empty_postgres("pooler_row").await;
    let url = pooler(&direct, 4, Next::Oldest).await;
    let migrator = |database: &Database| {
        Migrator::new(database.clone(), "1.0.0").with_set(MIGRATIONS).with_lock(MigrationLock::Row)
    };
    let (one, other) = (open(&url).await, open(&url).await);
    let (a, b) = (migrator(&one), migrator(&other));
    let (a, b) = tokio::join!(a.run(), b.run());
    assert!(a.unwrap().is_usable() && b.unwrap().is_usable());
}

/// Campaigns in the background, and sends its guards.
async fn candidate(
    database: &Database,
    who: &str,
) -> (mpsc::UnboundedReceiver<LeaderGuard>, CancellationToken, JoinHandle<()>) {
    let fences = DatabaseFenceStore::open(database.clone()).await.unwrap();
    let leases = DatabaseLeaseStore::new(database.clone());
    let elector = Elector::new(LeaseName::new("test").unwrap(), leases, fences, who, QUICK).unwrap();
    let ((tell, told), stop) = (mpsc::unbounded_channel(), CancellationToken::new());
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

async fn write(database: &Database, guard: &LeaderGuard) {
    let mut transaction = database.begin().await.unwrap();
    let mut insert = Statement::new(database.dialect());
    insert.push("insert into written (n) values (").bind(guard.token().number).push(")");
    transaction.execute(insert).await.unwrap();
    guard.fenced(&mut transaction).await.unwrap();
    transaction.commit().await.unwrap();
}

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn leases_and_fences_work_behind_a_pooler_and_beside_a_pool_that_is_exhausted() {
    let direct = empty_postgres("pooler_lease").await;
    let database = open(&direct).await;
    migrate(&database, MIGRATIONS).await.unwrap();
    let mut transaction = database.begin().await.unwrap();
    transaction.execute_script("create table written (n bigint primary key)").await.unwrap();
    transaction.commit().await.unwrap();

    let url = pooler(&direct, 6, Next::Oldest).await;
    let narrow = DatabaseOptions {
        connections: 1,
        acquire_timeout: Duration::from_millis(200),
        ..DatabaseOptions::default()
    };
    let (one, other) = (Database::postgres(&url, narrow).await.unwrap(), open(&url).await);
    let (mut guards, stop, running) = candidate(&one, "a").await;
    let first = guards.recv().await.unwrap();
    write(&one, &first).await;

    // a request has the one connection that the pool has, and the lease is renewed nevertheless
    let request = one.begin().await.unwrap();
    assert!(one.ping().await.is_err(), "the pool is exhausted");
    let renewed = async {
        let select = || {
            let mut select = Statement::new(database.dialect());
            select.push("select version from catalog_ha_leases where name = ").bind("test");
            select
        };
        let version = async || database.fetch(select()).await.unwrap()[0].integer(0).unwrap();
        let before = version().await;
        while version().await == before {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(8), renewed).await.unwrap();
    assert!(first.is_leading());
    request.rollback().await.unwrap();

    let (mut others, _stop, _running) = candidate(&other, "b").await;
    stop.cancel();
    running.await.unwrap();
    let second = tokio::time::timeout(Duration::from_secs(8), others.recv()).await.unwrap().unwrap();
    assert!(second.token() > first.token() && second.token() > FencingToken::default());
    write(&other, &second).await;
}
