//! Rows that are filled in, a few at a time.

use std::time::Duration;

use catalog_core::store::{
    database::{Database, DatabaseOptions},
    sql::{self, LOCK_KEY, Migration, MigrationSet},
    statement::{Dialect, Statement},
};
use catalog_ha::{
    State,
    migrate::{MigrationErrorKind, SchemaState},
};

use crate::{
    databases::sqlite_url,
    migrate::{self, count, migrator, set, sqlite, step},
};

/// A thousand rows, whose keys are no plain ones.
const FIRST: &str =
    "create table things (kind text not null, n bigint not null, done bigint not null default 0, times bigint not null default 0,
        primary key (kind, n));
    create table gate (n bigint);
    create table apart (n bigint);
    create table keyless (kind text, n bigint);
    create index keyless_by_kind on keyless (kind);
    insert into keyless (kind, n) values (null, 1);
    insert into things (kind, n) with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < 1000)
        select case when n % 2 = 0 then 'it''s' else 'ähnlich \"so\"' end, n from numbers;\n";
/// Refused by row 450 for as long as there is a gate.
const FILL: &str = "-- migration: backfill things by kind, n
-- migration: rows 70
update things set times = times + 1, done = case when n = 450 and exists (select 1 from gate) then null else 1 end
where done = 0 and (kind, n) in (select kind, n from batch);\n";

const STEPS: [Migration; 2] = [step(1, FIRST), step(2, FILL)];
const SET: MigrationSet = MigrationSet { owner: "test", migrations: &STEPS };
const OLDER: MigrationSet = MigrationSet { owner: "test", migrations: &[STEPS[0]] };

async fn postgres(test: &str) -> Database {
    migrate::postgres(&format!("backfill_{test}")).await
}

async fn change(database: &Database, script: &'static str) {
    let mut transaction = database.begin().await.unwrap();
    transaction.execute_script(script).await.unwrap();
    transaction.commit().await.unwrap();
}

const LEDGER: &str = "select count(*) from catalog_core_migrations";
const DONE: &str = "select count(*) from things where done = 1 and times = 1";
const PLACE: &str =
    "select count(*) from catalog_ha_backfills where after_key like '{\"kind\"%' and total = changed";
const UNDONE: &str = "select count(*) from things where done = 0";

async fn rows_are_filled_in_once_and_what_was_broken_off_goes_on(database: Database) {
    migrator(&database, OLDER).run().await.unwrap();
    change(&database, "insert into gate (n) values (1)").await;
    let new = migrator(&database, SET);
    let plan = new.plan().await.unwrap();
    let backfill = plan[0].backfill.as_ref().unwrap();
    assert_eq!((backfill.table, backfill.key.as_slice(), backfill.rows), ("things", &["kind", "n"][..], 70));
    let status = new.status().await.unwrap();
    assert_eq!((status.state(), status.is_usable()), (SchemaState::Filling, true));
    assert_eq!(new.component().await.detail.unwrap(), "1 backfills are pending");
    let refused = sql::migrate(&database, SET).await.unwrap_err();
    assert!(format!("{refused:?}").contains("in a transaction"), "{refused:?}");

    let error = new.run().await.unwrap_err();
    assert_eq!(error.kind(), MigrationErrorKind::Failed);
    assert!(error.to_string().contains("`test` 2") && error.code().is_some(), "{error}");
    let status = new.status().await.unwrap();
    assert_eq!((status.state(), status.is_usable()), (SchemaState::Filling, true));
    let changed = status.filling[0].changed;
    assert!(changed >= 70 && changed % 70 == 0, "whole batches are kept: {changed}");
    assert_eq!((count(&database, DONE).await, count(&database, UNDONE).await), (changed, 1000 - changed));
    assert_eq!(count(&database, PLACE).await, 1, "and how far they went");
    let component = new.component().await;
    assert_eq!(component.status, State::Degraded);
    assert!(component.detail.unwrap().contains(&format!("has changed {changed} rows")));
    assert_eq!(new.verify().await.unwrap_err().kind(), MigrationErrorKind::Unfinished);
    let old = migrator(&database, OLDER).status().await.unwrap();
    assert_eq!(old.state(), SchemaState::AheadCompatible);
    let drifted = step(2, FILL.replace("rows 70", "rows 80").leak());
    let error = migrator(&database, set(vec![STEPS[0], drifted])).run().await.unwrap_err();
    assert_eq!(error.kind(), MigrationErrorKind::Drift);
    let behind = migrator(&database, set(vec![STEPS[0], STEPS[1], step(3, "drop table apart;\n")]));
    assert_eq!(
        behind.status().await.unwrap().state(),
        SchemaState::Behind,
        "what needs the rows comes after"
    );

    // written by an earlier release, where it has been
    change(&database, "delete from gate; insert into things (kind, n) values ('', -1)").await;
    assert_eq!(behind.run().await.unwrap().state(), SchemaState::Current);
    assert_eq!((count(&database, DONE).await, count(&database, UNDONE).await), (1001, 0));
    assert_eq!(count(&database, "select count(*) from catalog_ha_backfills").await, 0);
    behind.verify().await.unwrap();
}

#[tokio::test]
async fn rows_are_filled_in_once_on_sqlite() {
    let (database, _folder) = sqlite().await;
    rows_are_filled_in_once_and_what_was_broken_off_goes_on(database).await;
}

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn rows_are_filled_in_once_on_postgres() {
    rows_are_filled_in_once_and_what_was_broken_off_goes_on(postgres("once").await).await;
}

async fn what_cannot_be_filled_in_is_refused_and_leaves_nothing_behind(database: Database) {
    migrator(&database, OLDER).run().await.unwrap();
    for (script, why) in [
        (
            "-- migration: backfill nothing by n\nupdate things set done = 1 where n in (select n from batch);\n",
            "no `nothing`",
        ),
        (
            "-- migration: backfill things by label\nupdate things set done = 1 where n in (select n from batch);\n",
            "as `label` does",
        ),
        (
            "-- migration: backfill apart by n\nupdate apart set n = 1 where n in (select n from batch);\n",
            "with an index",
        ),
        (
            "-- migration: backfill keyless by kind, n\nupdate keyless set n = 1 where n in (select n from batch);\n",
            "rows without",
        ),
        (
            "-- migration: backfill things by kind, label\nupdate things set done = 1 where n in (select n from batch);\n",
            "with code",
        ),
        (
            "-- migration: backfill things by kind, n\nupdate things set label = 1 where n in (select n from batch);\n",
            "with code",
        ),
        (
            "-- migration: backfill things by kind, n\nupdate nothing set n = 1 where n in (select n from batch);\n",
            "with code",
        ),
    ] {
        let wrong = migrator(&database, set(vec![STEPS[0], step(2, script)]));
        let error = wrong.run().await.unwrap_err();
        assert_eq!(error.kind(), MigrationErrorKind::Failed, "{script}");
        let text = error.to_string();
        assert!(text.contains("`test` 2 `step`") && text.contains(why), "{script}: {text}");
        assert_eq!(count(&database, LEDGER).await, 1, "{script}");
    }
    let malformed = step(2, "-- migration: backfill things by kind, n\nupdate things set done = 1;\n");
    let both = migrator(&database, set(vec![STEPS[0], malformed, step(3, "drop table apart;\n")]));
    for refused in [both.run().await, both.verify().await] {
        let error = refused.unwrap_err();
        assert_eq!(error.kind(), MigrationErrorKind::Malformed);
        assert!(error.to_string().contains("`test` 2 `step`"), "{error}");
    }
    let endless = "-- migration: backfill things by kind, n\nupdate things set times = times + 1 where n in (select n from batch);\n";
    let endless = migrator(&database, set(vec![STEPS[0], step(2, endless)])).run().await.unwrap_err();
    assert_eq!(endless.kind(), MigrationErrorKind::Failed);
    assert!(endless.to_string().contains("does not leave those that it has changed"), "{endless}");
}

#[tokio::test]
async fn what_cannot_be_filled_in_is_refused_on_sqlite() {
    let (database, _folder) = sqlite().await;
    what_cannot_be_filled_in_is_refused_and_leaves_nothing_behind(database).await;
}

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn what_cannot_be_filled_in_is_refused_on_postgres() {
    what_cannot_be_filled_in_is_refused_and_leaves_nothing_behind(postgres("refused").await).await;
}

async fn what_the_release_before_cannot_use_is_held_back_until_it_is_gone(database: Database) {
    let contract = step(3, "-- migration: contract\ndrop table apart;\n");
    let after = step(4, "create table later (n bigint);\n");
    let all = set(vec![STEPS[0], STEPS[1], contract, after]);
    let holding = migrator(&database, all).with_contracts_held();
    let status = holding.run().await.unwrap();
    assert_eq!((status.state(), status.is_usable()), (SchemaState::Expanded, true));
    assert_eq!(status.held.iter().map(|step| step.version).collect::<Vec<_>>(), [3, 4]);
    assert!(status.pending.is_empty());
    let component = holding.component().await;
    assert_eq!(component.status, State::Ok);
    assert!(component.detail.unwrap().contains("2 migrations that are held back"));
    assert_eq!(count(&database, LEDGER).await, 2);
    let old = migrator(&database, OLDER);
    assert!(old.status().await.unwrap().is_usable());

    let contracting = migrator(&database, all);
    assert_eq!(contracting.status().await.unwrap().state(), SchemaState::Behind);
    assert_eq!(contracting.run().await.unwrap().state(), SchemaState::Current);
    assert_eq!(holding.status().await.unwrap().state(), SchemaState::Current);
    assert_eq!(old.status().await.unwrap().state(), SchemaState::AheadIncompatible);
}

#[tokio::test]
async fn what_the_release_before_cannot_use_is_held_back_on_sqlite() {
    let (database, _folder) = sqlite().await;
    what_the_release_before_cannot_use_is_held_back_until_it_is_gone(database).await;
}

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn what_the_release_before_cannot_use_is_held_back_on_postgres() {
    what_the_release_before_cannot_use_is_held_back_until_it_is_gone(postgres("held").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_fill_the_same_file_in() {
    let (one, folder) = sqlite().await;
    let two = Database::sqlite(&sqlite_url(&folder), DatabaseOptions::default()).await.unwrap();
    let (a, b) = (migrator(&one, SET), migrator(&two, SET));
    let (a, b) =
        tokio::join!(tokio::spawn(async move { a.run().await }), tokio::spawn(async move { b.run().await }));
    for status in [a, b] {
        assert_eq!(status.unwrap().unwrap().state(), SchemaState::Current);
    }
    assert_eq!((count(&one, DONE).await, count(&one, LEDGER).await), (1000, 2));
}

async fn what_a_hand_has_finished_is_not_gone_on_with(database: Database) {
    migrator(&database, OLDER).run().await.unwrap();
    change(&database, "insert into gate (n) values (1)").await;
    let broken_off = migrator(&database, SET);
    assert_eq!(broken_off.run().await.unwrap_err().kind(), MigrationErrorKind::Failed);
    broken_off.mark_finished("test", 2).await.unwrap();
    assert_eq!(broken_off.run().await.unwrap().state(), SchemaState::Current);
    assert_eq!(count(&database, "select count(*) from catalog_ha_backfills").await, 0);
    assert!(count(&database, UNDONE).await > 0);
    assert!(broken_off.mark_finished("test", 2).await.is_err());
}

#[tokio::test]
async fn what_a_hand_has_finished_is_not_gone_on_with_on_sqlite() {
    let (database, _folder) = sqlite().await;
    what_a_hand_has_finished_is_not_gone_on_with(database).await;
}

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn what_a_hand_has_finished_is_not_gone_on_with_on_postgres() {
    what_a_hand_has_finished_is_not_gone_on_with(postgres("by_hand").await).await;
}

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn who_finds_another_one_filling_in_serves_meanwhile() {
    let database = postgres("meanwhile").await;
    migrator(&database, OLDER).run().await.unwrap();
    let mut other = database.session().await.unwrap();
    let mut lock = Statement::new(database.dialect());
    lock.push("select pg_advisory_lock(").bind(LOCK_KEY).push(")::text");
    other.fetch(lock).await.unwrap();
    let late = |set| migrator(&database, set).with_wait(Duration::from_millis(100));
    assert_eq!(late(SET).run().await.unwrap().state(), SchemaState::Filling);
    let behind = late(set(vec![STEPS[0], STEPS[1], step(3, "drop table apart;\n")]));
    assert_eq!(behind.run().await.unwrap_err().kind(), MigrationErrorKind::Locked);
    other.close().await.unwrap();
    assert_eq!(late(SET).run().await.unwrap().state(), SchemaState::Current);
}

/// Whoever has a row is waited for, and nobody else is kept from theirs meanwhile.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn a_row_that_somebody_has_is_waited_for_in_short_turns() {
    const OTHER: &str = "update things set times = 7, done = 1 where n = 449";
    let database = postgres("held_row").await;
    assert_eq!(database.dialect(), Dialect::Postgres);
    migrator(&database, OLDER).run().await.unwrap();
    let mut holder = database.session().await.unwrap();
    holder.execute_script("begin; update things set times = 5, done = 1 where n = 447").await.unwrap();
    let running = tokio::spawn({
        let migrator = migrator(&database, SET);
        async move { migrator.run().await }
    });
    let waits = async {
        const WAITING: &str = "select count(*) from pg_locks l join pg_database d on d.datname = current_database() \
            where not l.granted and l.locktype = 'transactionid' and l.pid in \
            (select pid from pg_stat_activity where datname = current_database())";
        while count(&database, WAITING).await == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waits).await.unwrap();
    // of the same batch as what it waits for
    change(&database, OTHER).await;
    assert!(!running.is_finished());
    holder.execute_script("commit").await.unwrap();
    assert_eq!(running.await.unwrap().unwrap().state(), SchemaState::Current);
    assert_eq!((count(&database, DONE).await, count(&database, UNDONE).await), (998, 0));
    assert_eq!(count(&database, "select count(distinct xmin::text) from things where times = 1").await, 15);
}
