//! Processes that migrate, together and one after the other's death.

use std::time::{Duration, Instant};

use catalog_core::store::{
    database::{Database, DatabaseOptions},
    sql::{Migration, MigrationSet},
    statement::Statement,
};

use crate::{
    databases::empty_postgres,
    process::{Process, Told},
};

/// Where there is a gate, it is stopped in the middle.
const SCRIPT: &str = "create table if not exists gate (n bigint);\ncreate table things (n bigint primary key);\n\
    insert into things (n) values (1);\nselect pg_sleep(3600) from gate;\n";
const STEPS: [Migration; 1] = [Migration { version: 1, name: "step", sqlite: SCRIPT, postgres: SCRIPT }];
pub(crate) const SET: MigrationSet = MigrationSet { owner: "test", migrations: &STEPS };

async fn count(database: &Database, select: &'static str) -> i64 {
    let mut statement = Statement::new(database.dialect());
    statement.push(select);
    database.fetch(statement).await.unwrap()[0].integer(0).unwrap()
}

const LEDGER: &str = "select count(*) from catalog_core_migrations";
const RUNNERS: &str = "select count(distinct runner) from catalog_core_migrations";
const THINGS: &str = "select count(*) from things";

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn of_eight_processes_on_an_empty_database_one_migrates() {
    let url = empty_postgres("processes_eight").await;
    let told = Told::new();
    let mut processes: Vec<Process> = (0..8).map(|number| told.start(number, "migrate", &url)).collect();
    assert!(processes.iter_mut().all(Process::has_ended_well));
    for _ in 0..8 {
        told.wait("migrated");
    }
    let database = Database::postgres(&url, DatabaseOptions::default()).await.unwrap();
    let steps = i64::try_from(SET.migrations.len() + catalog_ha::MIGRATIONS.migrations.len()).unwrap();
    assert_eq!((count(&database, LEDGER).await, count(&database, RUNNERS).await), (steps, 1));
    assert_eq!(count(&database, THINGS).await, 1);
}

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn when_the_migrator_is_killed_in_its_transaction_the_next_one_goes_on() {
    const SLEEPERS: &str = "select count(*) from pg_stat_activity where datname = current_database() and state = 'active' and query like 'select pg_sleep(3600)%'";
    let url = empty_postgres("processes_killed_migrator").await;
    let database = Database::postgres(&url, DatabaseOptions::default()).await.unwrap();
    let mut transaction = database.begin().await.unwrap();
    transaction
        .execute_script("create table gate (n bigint); insert into gate (n) values (1)")
        .await
        .unwrap();
    transaction.commit().await.unwrap();

    let told = Told::new();
    let mut first = told.start(0, "migrate", &url);
    let begun = Instant::now();
    while count(&database, SLEEPERS).await == 0 {
        assert!(begun.elapsed() < Duration::from_secs(20), "it never came to its middle");
        tokio::task::yield_now().await;
    }
    let killed = Instant::now();
    first.kill();
    let mut open = database.begin().await.unwrap();
    open.execute_script("delete from gate").await.unwrap();
    open.commit().await.unwrap();
    let mut second = told.start(1, "migrate", &url);
    let (who, at, _) = told.wait("migrated");
    println!("migrated {:?} after the kill", at - killed);
    assert!(who == 1 && at - killed < Duration::from_secs(15), "{who}, {:?}", at - killed);
    assert!(second.has_ended_well());
    assert_eq!((count(&database, THINGS).await, count(&database, RUNNERS).await), (1, 1));
}
