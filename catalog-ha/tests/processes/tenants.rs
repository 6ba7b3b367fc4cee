//! A database of one tenant becomes one of many, while both releases serve.

use std::time::{Duration, Instant};

use catalog_core::store::{
    Session,
    database::{Database, DatabaseOptions},
    statement::{Dialect, Statement},
};
use catalog_ha::migrate::SchemaState;

use crate::{
    databases::{empty_postgres, sqlite_url},
    notes::{NOTES, TENANTS, one, seed, two},
    process::{Process, Told},
};

/// A child, and what it alone tells.
fn start(part: &str, url: &str) -> (Process, Told) {
    let told = Told::new();
    (told.start(0, part, url), told)
}

async fn count(database: &Database, select: &'static str) -> usize {
    let mut statement = Statement::new(database.dialect());
    statement.push(select);
    let count = database.fetch(statement).await.unwrap()[0].integer(0).unwrap();
    usize::try_from(count).unwrap()
}

async fn comes_to(database: &Database, select: &'static str, wanted: impl Fn(usize) -> bool) {
    let by = Instant::now() + Duration::from_secs(20);
    while !wanted(count(database, select).await) {
        assert!(Instant::now() < by, "{select}: {}", count(database, select).await);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Whoever changes that one note waits, and tries again, for as long as the gate is shut.
const GATE: &str = "create function pass() returns trigger language plpgsql as $$
        begin perform pg_advisory_xact_lock_shared(1); return new; end $$;
    create trigger gate before update on notes for each row when (new.id = 'note-002001') execute function pass()";
const SHUT: &str = "select pg_advisory_lock(1)";

async fn shut(database: &Database) -> Session {
    let mut gate = database.session().await.unwrap();
    gate.execute_script(GATE).await.unwrap();
    gate.execute_script(SHUT).await.unwrap();
    gate
}

/// Lets nobody write once the first rows are filled in.
async fn stop_in_the_middle(database: &Database) -> Session {
    let mut holder = database.session().await.unwrap();
    let by = Instant::now() + Duration::from_secs(20);
    loop {
        assert!(Instant::now() < by, "it does not begin");
        if holder.execute_script("begin immediate").await.is_ok() {
            if !two(database).status().await.unwrap().filling.is_empty() {
                return holder;
            }
            holder.execute_script("rollback").await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

async fn filled(database: &Database) -> usize {
    let status = two(database).with_contracts_held().status().await.unwrap();
    assert_eq!(status.state(), SchemaState::Filling);
    usize::try_from(status.filling[0].changed).unwrap()
}

/// How many notes a server was told that they are kept, and how many changes.
fn stop(server: &mut Process, told: &Told) -> (usize, usize) {
    server.say("stop");
    let (_, _, counts) = told.wait("wrote ");
    let (wrote, changed) = counts.split_once(' ').unwrap();
    (wrote.parse().unwrap(), changed.parse().unwrap())
}

const FILLED: &str = "select coalesce(max(total), 0) from catalog_ha_backfills";
const OF_NOBODY: &str = "select count(*) from notes where namespace is null";
const OF_ONE: &str = "select count(*) from notes where id like 'one-%'";
const OF_TWO: &str = "select count(*) from notes where id like 'two-%'";
const ASTRAY: &str = "select count(*) from notes where (id like 'two-%') = (namespace = 'default')";
const DOTS: &str = "select sum(length(body) - length('of everybody')) from notes where id like 'note-%'";
const SHARED: &str =
    "select count(*) from notes a join notes b on a.id = b.id where a.namespace < b.namespace";
const DEFAULT: &str = "select count(*) from notes where namespace = 'default'";
const OF_TEAMS: &str =
    "select count(*) from notes where namespace in ('team-a', 'team-b') and body = 'of ' || namespace";
const UNREADY: &str = "not ready: the schema is of release `2.0.0`, which this one cannot use";

/// All that anybody was told that it is kept is there, and in the right place.
async fn nothing_is_lost(database: &Database, (one, changed): (usize, usize), two: usize) {
    assert_eq!(count(database, DEFAULT).await, NOTES + one);
    assert_eq!((count(database, OF_ONE).await, count(database, DOTS).await), (one, changed));
    assert_eq!((count(database, OF_TWO).await, count(database, OF_TEAMS).await), (two, two));
    assert_eq!(count(database, ASTRAY).await, 0);
    assert!(count(database, SHARED).await > 0, "tenants have notes of the same name: {TENANTS:?}");
    println!("wrote {one} and changed {changed} without tenants, wrote {two} with them");
}

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn one_tenant_becomes_many_while_both_releases_serve() {
    const WAITS: &str = "select count(*) from pg_stat_activity where datname = current_database() \
        and wait_event_type = 'Lock' and query like 'with batch as%'";
    const BACKENDS: &str = "select count(*) from pg_locks where locktype = 'advisory' \
        and database = (select oid from pg_database where datname = current_database())";
    let url = empty_postgres("processes_tenants").await;
    let database = Database::postgres(&url, DatabaseOptions::default()).await.unwrap();
    seed(&database).await;
    let (mut first, first_told) = start("serve one", &url);
    assert_eq!(first_told.next(), "serves, Current");
    let (mut second, second_told) = start("serve two", &url);
    assert_eq!(second_told.next(), "not ready: 3 migrations are pending");

    let gate = shut(&database).await;
    let (mut migrator, _) = start("expand", &url);
    comes_to(&database, WAITS, |waits| waits > 0).await;
    migrator.kill();
    let there = filled(&database).await;
    assert_eq!(there, NOTES / 2, "killed in the middle");
    assert_eq!(first_told.next(), "serves, AheadCompatible");
    assert_eq!(second_told.next(), "serves, Filling");
    // nobody migrates, the gate is all that is locked, and both go on
    comes_to(&database, BACKENDS, |held| held == 1).await;
    for rows in [OF_ONE, OF_TWO] {
        let before = count(&database, rows).await;
        comes_to(&database, rows, |now| now > before + 5).await;
    }
    assert_eq!(filled(&database).await, there);
    let left = count(&database, OF_NOBODY).await;
    // and what the first release wrote before it began
    assert!(left >= NOTES - there, "{left} of {NOTES} are left after {there}");
    gate.close().await.unwrap();

    let (mut expand, expand_told) = start("expand", &url);
    assert_eq!(expand_told.next(), "migrated, Expanded");
    assert!(expand.has_ended_well());
    assert_eq!(second_told.next(), "serves, Expanded");
    assert_eq!((count(&database, OF_NOBODY).await, count(&database, ASTRAY).await), (0, 0));
    let before = count(&database, OF_ONE).await;
    comes_to(&database, OF_ONE, |now| now > before).await;

    let (mut contract, contract_told) = start("contract", &url);
    assert_eq!(contract_told.next(), "migrated, Current");
    assert!(contract.has_ended_well());
    assert_eq!(first_told.next(), UNREADY);
    assert_eq!(second_told.next(), "serves, Current");
    first.say("alive?");
    assert_eq!(first_told.next(), "alive");
    comes_to(&database, SHARED, |shared| shared > 20).await;
    let one = stop(&mut first, &first_told);
    let two = stop(&mut second, &second_told).0;
    nothing_is_lost(&database, one, two).await;
}

/// On SQLite one release serves at a time.
#[tokio::test]
async fn a_file_of_one_tenant_becomes_one_of_many() {
    let folder = tempfile::tempdir().unwrap();
    let url = sqlite_url(&folder);
    let database = Database::sqlite(&url, DatabaseOptions::default()).await.unwrap();
    assert_eq!(database.dialect(), Dialect::Sqlite);
    seed(&database).await;
    let (mut first, first_told) = start("serve one", &url);
    assert_eq!(first_told.next(), "serves, Current");
    comes_to(&database, OF_ONE, |written| written > 20).await;
    let mut kept = stop(&mut first, &first_told);

    let (mut migrator, _) = start("expand", &url);
    let holder = stop_in_the_middle(&database).await;
    migrator.kill();
    holder.close().await.unwrap();
    let there = filled(&database).await;
    assert!(there > 0 && there < NOTES, "killed in the middle: {there}");
    assert_eq!(count(&database, FILLED).await, there);

    // the release is taken back, and rolled out again
    let (mut first, first_told) = start("serve one", &url);
    assert_eq!(first_told.next(), "serves, AheadCompatible");
    let more = stop(&mut first, &first_told);
    kept = (kept.0 + more.0, kept.1 + more.1);
    let (mut expand, expand_told) = start("expand", &url);
    assert_eq!(expand_told.next(), "migrated, Expanded");
    assert!(expand.has_ended_well() && one(&database).status().await.unwrap().is_usable());
    assert_eq!((count(&database, OF_NOBODY).await, count(&database, ASTRAY).await), (0, 0));
    let (mut second, second_told) = start("serve two", &url);
    assert_eq!(second_told.next(), "serves, Expanded");
    let (mut contract, contract_told) = start("contract", &url);
    assert_eq!(contract_told.next(), "migrated, Current");
    assert!(contract.has_ended_well());
    assert_eq!(second_told.next(), "serves, Current");
    comes_to(&database, SHARED, |shared| shared > 20).await;
    let two = stop(&mut second, &second_told).0;
    let (mut late, late_told) = start("serve one", &url);
    assert_eq!(late_told.next(), UNREADY);
    late.say("alive?");
    assert_eq!(late_told.next(), "alive");
    assert_eq!(stop(&mut late, &late_told), (0, 0));
    nothing_is_lost(&database, kept, two).await;
}
