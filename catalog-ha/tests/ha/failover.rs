//! A standby that lacks what was written last takes over.

use catalog_core::store::{
    StoreErrorKind,
    database::{Database, DatabaseOptions},
    sql::migrate,
    statement::Statement,
};
use catalog_ha::{MIGRATIONS, elector::LeaderGuard, fence::FencingToken, lease::LeaseName};
use xtask::postgres::{Cluster, Durability};

use crate::fence::{begin_write, comes_to, leader, table, written};

async fn open(cluster: &Cluster) -> Database {
    Database::postgres(&cluster.url(), DatabaseOptions::default()).await.unwrap()
}

async fn number(database: &Database, select: &'static str) -> i64 {
    let mut statement = Statement::new(database.dialect());
    statement.push(select);
    database.fetch(statement).await.unwrap().first_mut().unwrap().integer(0).unwrap()
}

async fn say(database: &Database, statement: &'static str) {
    // some refuse to be in a transaction
    let mut session = database.session().await.unwrap();
    session.execute_script(statement).await.unwrap();
    session.close().await.unwrap();
}

/// What comes of a write of that leader.
async fn wrote(database: &Database, guard: &LeaderGuard, row: i64) -> Result<(), StoreErrorKind> {
    let mut transaction = begin_write(database, row).await;
    guard.fenced(&mut transaction).await.map_err(|error| error.kind())?;
    transaction.commit().await.map_err(|error| error.kind())
}

const FENCES: &str = "select coalesce(sum(number), 0)::bigint from catalog_ha_fences";
const VERSIONS: &str = "select coalesce(sum(version), 0)::bigint from catalog_ha_leases";
const FOLLOWS: &str = "select count(*) from pg_stat_wal_receiver";
const UNFOLLOW: &str = "alter system set primary_conninfo = ''";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the programs of PostgreSQL"]
async fn after_a_failover_to_a_copy_that_lacks_the_last_renewals_every_earlier_token_is_old() {
    let (primary, standby) = Cluster::start_with_standby(Durability::Forgetful).unwrap();
    let (one, two): (LeaseName, LeaseName) = ("one".parse().unwrap(), "two".parse().unwrap());
    let there = open(&primary).await;
    migrate(&there, MIGRATIONS).await.unwrap();
    table(&there).await;
    let (mut of_one, _stop, _leads) = leader(&there, &one, "a").await;
    let known = of_one.recv().await.unwrap();
    let (mut of_two, stop, leads) = leader(&there, &two, "b").await;
    let released = of_two.recv().await.unwrap();
    let copy = open(&standby).await;
    comes_to(&copy, "select count(*) from pg_class where relname = 'catalog_ha_fences'", |there| there == 1)
        .await;
    comes_to(&copy, FENCES, |tokens| tokens == 2).await;
    say(&copy, UNFOLLOW).await;
    say(&copy, "select pg_reload_conf()").await;
    comes_to(&copy, FOLLOWS, |follows| follows == 0).await;

    // of a renewal, a release and another leader the copy knows nothing
    let copied = number(&copy, VERSIONS).await;
    stop.cancel();
    leads.await.unwrap();
    let (mut of_two, _stop, _leads) = leader(&there, &two, "c").await;
    let unknown = of_two.recv().await.unwrap();
    assert_eq!((released.token().number, unknown.token().number), (1, 2));
    comes_to(&there, VERSIONS, |versions| versions > copied + 3).await;
    assert_eq!((number(&copy, FENCES).await, number(&copy, VERSIONS).await), (2, copied));
    assert_eq!(wrote(&there, &unknown, 1).await, Ok(()));

    say(&copy, "select pg_promote(true, 60)").await;
    let now = copy;
    comes_to(&now, "select pg_is_in_recovery()::int::bigint", |recovers| recovers == 0).await;
    // who led goes on where it was, and holds what the copy knows for its own, or even more
    for (guard, row) in [(&known, 2), (&unknown, 3)] {
        assert!(guard.is_leading());
        assert_eq!(wrote(&now, guard, row).await, Err(StoreErrorKind::Fenced), "{}", guard.token());
    }
    for (lease, before) in [(&one, &known), (&two, &unknown)] {
        let (mut guards, stop, leads) = leader(&now, lease, "d").await;
        let next = guards.recv().await.unwrap();
        assert!(next.token() > before.token(), "{} after {}", next.token(), before.token());
        assert_eq!(next.token(), FencingToken { timeline: before.token().timeline + 1, number: 2 });
        assert_eq!(wrote(&now, &next, 10 + next.token().number + i64::from(lease == &two)).await, Ok(()));
        assert!(before.is_leading(), "the primary is still there");
        assert_eq!(wrote(&now, before, 4).await, Err(StoreErrorKind::Fenced), "{}", before.token());
        stop.cancel();
        leads.await.unwrap();
    }
    assert_eq!(written(&now).await, [12, 13]);
    now.close().await;
    there.close().await;
}
