//! Migrations under a lock.

use std::time::Duration;

use catalog_core::store::{
    Session,
    database::{Database, DatabaseOptions},
    sql::{LOCK_KEY, Migration, MigrationKind, MigrationSet, migrate},
    statement::{Dialect, Statement},
};
use catalog_ha::{
    State,
    migrate::{MigrationErrorKind, MigrationLock, Migrator, SchemaState},
};

use crate::databases::{empty_postgres, sqlite_url};

const FIRST: &str = "create table things (n bigint primary key);\ninsert into things (n) values (1);\n";
const SECOND: &str = "-- migration: contract\nalter table things add column label text;\n";
const INDEX: &str =
    "-- migration: no-transaction\ncreate index concurrently things_by_label on things (label);\n";

pub(crate) const fn step(version: i64, script: &'static str) -> Migration {
    Migration { version, name: "step", sqlite: script, postgres: script }
}

const STEPS: [Migration; 2] = [step(1, FIRST), step(2, SECOND)];
const SET: MigrationSet = MigrationSet { owner: "test", migrations: &STEPS };
const OLDER: MigrationSet = MigrationSet { owner: "test", migrations: &[STEPS[0]] };

pub(crate) fn set(migrations: Vec<Migration>) -> MigrationSet {
    MigrationSet { owner: "test", migrations: migrations.leak() }
}

pub(crate) fn migrator(database: &Database, set: MigrationSet) -> Migrator {
    Migrator::new(database.clone(), "2.0.0").with_set(set).with_wait(Duration::from_secs(30))
}

pub(crate) async fn sqlite() -> (Database, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (Database::sqlite(&sqlite_url(&folder), DatabaseOptions::default()).await.unwrap(), folder)
}

pub(crate) async fn postgres(test: &str) -> Database {
    let url = empty_postgres(&format!("migrate_{test}")).await;
    Database::postgres(&url, DatabaseOptions::default()).await.unwrap()
}

pub(crate) async fn count(database: &Database, select: &'static str) -> i64 {
    let mut statement = Statement::new(database.dialect());
    statement.push(select);
    database.fetch(statement).await.unwrap().first_mut().unwrap().integer(0).unwrap()
}

const VALID: &str =
    "select count(*) from pg_index where indexrelid = 'things_by_label'::regclass and indisvalid";
const END: &str = "select count(pg_terminate_backend(pid)) from pg_stat_activity where query like 'select pg_sleep(60)%' and pid <> pg_backend_pid()";
const LEDGER: &str = "select count(*) from catalog_core_migrations";
const LOCKS: &str = "select count(*) from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())";

async fn status_plan_and_verify_change_nothing(database: Database) {
    let migrator = migrator(&database, SET);
    let plan = migrator.plan().await.unwrap();
    assert_eq!(plan.iter().map(|step| step.version).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(
        (plan[0].sql, plan[0].kind, plan[1].kind),
        (FIRST, MigrationKind::Expand, MigrationKind::Contract)
    );
    if database.dialect() == Dialect::Postgres {
        assert_eq!(plan[1].locks[0].1, "access exclusive");
    }
    assert_eq!(migrator.status().await.unwrap().state(), SchemaState::Behind);
    assert_eq!(migrator.component().await.status, State::Failed);
    assert_eq!(migrator.verify().await.unwrap_err().kind(), MigrationErrorKind::Failed);
    assert_eq!(migrator.plan().await.unwrap().len(), 2, "nothing was changed");

    let status = migrator.run().await.unwrap();
    assert_eq!(status.state(), SchemaState::Current);
    assert_eq!(migrator.component().await.status, State::Ok);
    migrator.verify().await.unwrap();
    assert_eq!(count(&database, LEDGER).await, 2);
    assert_eq!(migrator.run().await.unwrap(), status, "a second run finds nothing to do");
    // whoever is alone with its tables goes by the same ledger
    assert_eq!(migrate(&database, SET).await.unwrap().applied, 0);
}

#[tokio::test]
async fn status_plan_and_verify_change_nothing_on_sqlite() {
    let (database, _folder) = sqlite().await;
    status_plan_and_verify_change_nothing(database).await;
}

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn status_plan_and_verify_change_nothing_on_postgres() {
    status_plan_and_verify_change_nothing(postgres("plan").await).await;
}

async fn an_older_release_can_use_what_was_added_and_not_what_was_taken(database: Database) {
    let added = set(vec![STEPS[0], step(2, "alter table things add column label text;\n")]);
    migrator(&database, added).run().await.unwrap();
    let old = migrator(&database, OLDER);
    let status = old.run().await.unwrap();
    assert_eq!((status.state(), status.is_usable()), (SchemaState::AheadCompatible, true));
    let component = old.component().await;
    assert_eq!(component.status, State::Ok);
    assert!(component.detail.unwrap().contains("2.0.0"));

    let taken = step(3, "-- migration: contract\ndelete from things where n = 1;\n");
    migrator(&database, set(vec![added.migrations[0], added.migrations[1], taken])).run().await.unwrap();
    let status = old.run().await.unwrap();
    assert_eq!((status.state(), status.is_usable()), (SchemaState::AheadIncompatible, false));
    assert_eq!(old.component().await.status, State::Failed);
    assert_eq!(count(&database, LEDGER).await, 3);
}

#[tokio::test]
async fn an_older_release_can_use_what_was_added_on_sqlite() {
    let (database, _folder) = sqlite().await;
    an_older_release_can_use_what_was_added_and_not_what_was_taken(database).await;
}

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn an_older_release_can_use_what_was_added_on_postgres() {
    an_older_release_can_use_what_was_added_and_not_what_was_taken(postgres("older").await).await;
}

async fn drift_and_late_steps_are_refused_before_any_change(database: Database) {
    migrator(&database, set(vec![STEPS[0], step(3, "delete from things;\n")])).run().await.unwrap();
    let changed = step(1, "create table things (n bigint);\n");
    let drifted = migrator(&database, set(vec![changed, step(3, "delete from things;\n"), step(4, SECOND)]));
    let error = drifted.run().await.unwrap_err();
    assert_eq!(error.kind(), MigrationErrorKind::Drift);
    let dialect = database.dialect();
    for checksum in [STEPS[0].checksum(dialect), changed.checksum(dialect)] {
        assert!(error.to_string().contains(&checksum), "{error}");
    }
    assert_eq!(count(&database, LEDGER).await, 2);

    let windows: &'static str = FIRST.replace('\n', "\r\n").leak();
    let same = migrator(&database, set(vec![step(1, windows), step(3, "delete from things;\n")]));
    assert_eq!(same.status().await.unwrap().state(), SchemaState::Current);

    let late = set(vec![STEPS[0], STEPS[1], step(3, "delete from things;\n")]);
    let error = migrator(&database, late).run().await.unwrap_err();
    assert_eq!(error.kind(), MigrationErrorKind::OutOfOrder);
    assert_eq!(count(&database, LEDGER).await, 2);
    let allowed = migrator(&database, late).with_out_of_order("test", 2);
    assert_eq!(allowed.run().await.unwrap().state(), SchemaState::Current);
}

#[tokio::test]
async fn drift_and_late_steps_are_refused_on_sqlite() {
    let (database, _folder) = sqlite().await;
    drift_and_late_steps_are_refused_before_any_change(database).await;
}

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn drift_and_late_steps_are_refused_on_postgres() {
    drift_and_late_steps_are_refused_before_any_change(postgres("drift").await).await;
}

async fn a_step_that_fails_is_undone_and_can_be_tried_again(database: Database) {
    let broken = step(2, "insert into things (n) values (2);\n\ninsert into nothing (n) values (1);\n");
    let error = migrator(&database, set(vec![STEPS[0], broken])).run().await.unwrap_err();
    assert_eq!(error.kind(), MigrationErrorKind::Failed);
    let text = error.to_string();
    assert!(text.contains("`test` 2") && error.code().is_some(), "{text}");
    if database.dialect() == Dialect::Postgres {
        assert!(text.contains("statement 2, `insert into nothing") && text.contains("42P01"), "{text}");
        assert_eq!(count(&database, LOCKS).await, 0);
        assert_eq!(count(&database, "select count(*) from things").await, 1);
    }
    assert_eq!(migrator(&database, SET).run().await.unwrap().state(), SchemaState::Current);
}

#[tokio::test]
async fn a_step_that_fails_is_undone_on_sqlite() {
    let (database, _folder) = sqlite().await;
    a_step_that_fails_is_undone_and_can_be_tried_again(database).await;
}

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn a_step_that_fails_is_undone_on_postgres() {
    a_step_that_fails_is_undone_and_can_be_tried_again(postgres("fails").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_on_one_file_are_clean_each_time() {
    for _ in 0..30 {
        let (one, folder) = sqlite().await;
        let two = Database::sqlite(&sqlite_url(&folder), DatabaseOptions::default()).await.unwrap();
        let (one, two) = (migrator(&one, SET), migrator(&two, SET));
        let (one, two) = tokio::join!(
            tokio::spawn(async move { one.run().await }),
            tokio::spawn(async move { two.run().await })
        );
        for status in [one, two] {
            assert_eq!(status.unwrap().unwrap().state(), SchemaState::Current);
        }
    }
}

async fn eight(database: &Database, lock: MigrationLock) {
    let runs: Vec<_> = (0..8)
        .map(|_| {
            let migrator = migrator(database, SET).with_lock(lock);
            tokio::spawn(async move { migrator.run().await })
        })
        .collect();
    for run in runs {
        assert_eq!(run.await.unwrap().unwrap().state(), SchemaState::Current);
    }
    assert_eq!(count(database, LEDGER).await, 2);
    assert_eq!(count(database, "select count(*) from things").await, 1);
    assert_eq!(count(database, LOCKS).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn of_eight_replicas_on_an_empty_database_one_migrates() {
    eight(&postgres("eight").await, MigrationLock::Advisory).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn without_advisory_locks_a_row_is_the_lock() {
    eight(&postgres("row").await, MigrationLock::Row).await;
}

async fn take_lock(database: &Database) -> Session {
    let mut holder = database.session().await.unwrap();
    let mut name = Statement::new(database.dialect());
    name.push("select set_config('application_name', 'the holder', false)");
    holder.fetch(name).await.unwrap();
    let mut take = Statement::new(database.dialect());
    take.push("select pg_advisory_lock(").bind(LOCK_KEY).push(")::text");
    holder.fetch(take).await.unwrap();
    holder
}

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn who_waits_in_vain_says_for_whom() {
    let database = postgres("holder").await;
    let holder = take_lock(&database).await;
    let waiting = migrator(&database, SET).with_wait(Duration::from_millis(300));
    let error = waiting.run().await.unwrap_err();
    assert_eq!(error.kind(), MigrationErrorKind::Locked);
    assert!(error.to_string().contains("the holder of"), "{error}");
    // whoever waits and is told to stop leaves nothing behind
    let dropped = tokio::time::timeout(Duration::from_millis(300), migrator(&database, SET).run()).await;
    assert!(dropped.is_err());
    drop(holder);
    assert_eq!(migrator(&database, SET).run().await.unwrap().state(), SchemaState::Current);
    assert_eq!(count(&database, LOCKS).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn an_index_is_made_beside_the_work_of_others_while_five_wait() {
    let database = postgres("concurrently").await;
    let with_index = set(vec![STEPS[0], STEPS[1], step(3, INDEX)]);
    let runs: Vec<_> = (0..6)
        .map(|_| {
            let migrator = migrator(&database, with_index);
            tokio::spawn(async move { migrator.run().await })
        })
        .collect();
    for run in runs {
        assert_eq!(run.await.unwrap().unwrap().state(), SchemaState::Current);
    }
    assert_eq!(count(&database, VALID).await, 1);
}

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn an_index_that_was_left_half_made_is_made_anew() {
    let database = postgres("resume").await;
    migrator(&database, SET).run().await.unwrap();
    let with_index = set(vec![STEPS[0], STEPS[1], step(3, INDEX)]);
    // as a process that was killed in the middle leaves it
    let mut session = database.session().await.unwrap();
    session.execute_script("create index things_by_label on things (label)").await.unwrap();
    session
        .execute_script(
            "update pg_index set indisvalid = false where indexrelid = 'things_by_label'::regclass",
        )
        .await
        .unwrap();
    let run = catalog_core::store::sql::ledger::Run::default();
    let note = catalog_core::store::sql::ledger::insert(
        database.dialect(),
        "test",
        &with_index.migrations[2],
        &run,
        false,
    );
    session.execute(note).await.unwrap();
    let migrator = migrator(&database, with_index);
    assert_eq!(migrator.component().await.status, State::Failed);
    assert_eq!(migrator.verify().await.unwrap_err().kind(), MigrationErrorKind::Unfinished);
    assert_eq!(migrator.run().await.unwrap().state(), SchemaState::Current);
    assert_eq!(count(&database, VALID).await, 1);
}

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn what_cannot_be_repaired_is_left_to_a_hand() {
    let database = postgres("by_hand").await;
    let vacuum = step(3, "-- migration: no-transaction\nvacuum things;\n");
    let steps = set(vec![STEPS[0], STEPS[1], vacuum]);
    migrator(&database, SET).run().await.unwrap();
    let run = catalog_core::store::sql::ledger::Run::default();
    let note = catalog_core::store::sql::ledger::insert(database.dialect(), "test", &vacuum, &run, false);
    database.session().await.unwrap().execute(note).await.unwrap();
    let migrator = migrator(&database, steps);
    let error = migrator.run().await.unwrap_err();
    assert_eq!(error.kind(), MigrationErrorKind::Unfinished);
    assert!(error.to_string().contains("`test` 3"), "{error}");
    migrator.mark_finished("test", 3).await.unwrap();
    assert!(migrator.mark_finished("test", 3).await.is_err());
    assert_eq!(migrator.run().await.unwrap().state(), SchemaState::Current);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn a_long_reader_is_waited_for_in_short_turns_and_others_go_on() {
    let database = postgres("reader").await;
    migrator(&database, OLDER).run().await.unwrap();
    let mut reader = database.session().await.unwrap();
    reader.execute_script("begin; lock table things in access share mode").await.unwrap();
    let running = tokio::spawn({
        let migrator = migrator(&database, SET);
        async move { migrator.run().await }
    });
    // until it stands in line, and then until it has left it again
    for (wanted, why) in [(1, "it waits"), (0, "it lets others by")] {
        let waits = async {
            const WAITING: &str =
                "select count(*) from pg_locks where not granted and relation = 'things'::regclass";
            while count(&database, WAITING).await != wanted {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), waits).await.expect(why);
    }
    assert_eq!(count(&database, "select count(*) from things").await, 1);
    drop(reader);
    assert_eq!(running.await.unwrap().unwrap().state(), SchemaState::Current);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn a_runner_whose_backend_is_ended_stops_and_the_next_one_goes_on() {
    let database = postgres("ended").await;
    let slow = set(vec![step(1, "create table slow (n bigint);\nselect pg_sleep(60);\n")]);
    let running = tokio::spawn({
        let migrator = migrator(&database, slow);
        async move { migrator.run().await }
    });
    while count(&database, END).await == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let error = running.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), MigrationErrorKind::Unavailable);
    assert_eq!(migrator(&database, SET).run().await.unwrap().state(), SchemaState::Current);
    assert_eq!(count(&database, LOCKS).await, 0);
}

#[tokio::test]
async fn a_ledger_of_an_earlier_make_is_gone_on_with() {
    let (database, _folder) = sqlite().await;
    earlier_ledger(&database).await;
}

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn a_ledger_of_an_earlier_make_is_gone_on_with_on_postgres() {
    earlier_ledger(&postgres("earlier").await).await;
}

/// As the first `migrate` made it.
async fn earlier_ledger(database: &Database) {
    let mut session = database.session().await.unwrap();
    session
        .execute_script(
            "create table catalog_core_migrations (
            owner text not null, version bigint not null, name text not null, checksum text not null, applied_at text not null,
            primary key (owner, version))",
        )
        .await
        .unwrap();
    session.execute_script(FIRST).await.unwrap();
    let mut insert = Statement::new(database.dialect());
    insert.push("insert into catalog_core_migrations (owner, version, name, checksum, applied_at) values ('test', 1, 'step', ");
    insert.bind(STEPS[0].checksum(database.dialect())).push(", '2026-01-01T00:00:00.000Z')");
    session.execute(insert).await.unwrap();
    session.close().await.unwrap();
    assert_eq!(migrator(database, SET).run().await.unwrap().state(), SchemaState::Current);
    assert_eq!(count(database, "select count(*) from things").await, 1, "the first step was not done again");
}
