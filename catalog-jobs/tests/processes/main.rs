//! Workers in processes of their own, which are killed and frozen in the middle of their work: the effect of each job is there once, no
//! job is lost, none is begun too early, and no limit is exceeded.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod child;
mod tables;
mod watch;

use std::{sync::Arc, time::Duration};

use catalog_core::store::{
    database::{Database, DatabaseOptions},
    hook::Unaudited,
    sql::migrate,
    statement::Statement,
};
use catalog_jobs::{
    Due, NewJob,
    store::{EnqueueStore, MIGRATIONS, SqlJobStore},
    testing::say,
};
use tokio::time::{Instant, MissedTickBehavior, interval};

use self::{child::Processes, tables::Tables, watch::Watch};

const TENANTS: [&str; 4] = ["a", "b", "c", "d"];
/// So much later some jobs are due.
const LATER: Duration = Duration::from_secs(2);
/// So often a process is killed or frozen, at equal parts of the way.
const ACCIDENTS: usize = 10;
/// So long everything may take, for every 2,000 jobs.
const PATIENCE: Duration = Duration::from_secs(40);

fn many() -> usize {
    let many = std::env::var("CATALOG_TEST_JOBS").ok();
    many.map_or(2_000, |many| many.parse().unwrap())
}

async fn open(url: &str) -> Database {
    let options = DatabaseOptions::default();
    let opened = if url.starts_with("sqlite:") {
        Database::sqlite(url, options).await
    } else {
        Database::postgres(url, options).await
    };
    opened.unwrap()
}

/// One job in eight is due later; all share two limit keys.
fn job(number: usize) -> NewJob {
    let tenant = TENANTS.get(number % TENANTS.len()).unwrap();
    let key = if number.is_multiple_of(3) { "odd" } else { "even" };
    let job = say(tenant, &number.to_string()).with_limit_key(key.parse().unwrap());
    let job = job.with_max_attempts(1_000).unwrap();
    if number.is_multiple_of(8) { job.due(Due::After(LATER)) } else { job }
}

/// Kills and freezes processes, in turns where there are several, while they do so many jobs.
async fn every_effect_happens_once(url: &str, processes: usize, jobs: usize) {
    let database = open(url).await;
    migrate(&database, MIGRATIONS).await.unwrap();
    let tables = Tables::create(database.clone()).await;
    let store = SqlJobStore::new(database.clone(), Unaudited);
    let all: Vec<NewJob> = (0..jobs).map(job).collect();
    for some in all.chunks(1_000) {
        store.enqueue(some).await.unwrap();
    }
    let watch = Arc::new(Watch::new(database));
    let mut running = Processes::start(url, processes);
    let (mut accidents, begun) = (0, Instant::now());
    let parts = u32::try_from(jobs.div_ceil(2_000)).unwrap();
    let mut samples = interval(Duration::from_millis(10));
    samples.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        samples.tick().await;
        watch.sample().await;
        running.thaw_those_that_slept();
        let done = tables.effects().await;
        if accidents < ACCIDENTS && done >= jobs * (accidents + 1) / (ACCIDENTS + 1) {
            // of one process alone nobody would take over while it is frozen
            if processes > 1 && accidents % 3 == 1 {
                running.freeze_one();
            } else {
                running.kill_one();
            }
            accidents += 1;
        }
        if watch.live().await == 0 {
            break;
        }
        assert!(begun.elapsed() < PATIENCE * parts, "{done} of {jobs} jobs, after {accidents} accidents");
    }
    drop(running);
    assert_eq!(accidents, ACCIDENTS);
    tables.assert_each_once(jobs).await;
    tables.assert_none_began_early(LATER).await;
    let begun_again = tables.starts().await - jobs;
    assert!(begun_again > 0, "no accident hit a job: this shows nothing");
    assert!(watch.samples() > ACCIDENTS, "hardly anybody looked");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn every_effect_happens_once_in_three_processes_on_postgres() {
    let url = std::env::var("CATALOG_TEST_POSTGRES_URL").unwrap();
    let (place, _) = url.rsplit_once('/').unwrap();
    // to make a database takes long on a disk that others write to
    let patient = DatabaseOptions { statement_timeout: Duration::from_mins(2), ..DatabaseOptions::default() };
    let server = Database::postgres(&url, patient).await.unwrap();
    for text in ["drop database if exists jobs_processes", "create database jobs_processes"] {
        let mut statement = Statement::new(server.dialect());
        statement.push(text);
        server.fetch(statement).await.unwrap();
    }
    server.close().await;
    every_effect_happens_once(&format!("{place}/jobs_processes"), 3, many()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_effect_happens_once_in_one_process_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("jobs.db").display());
    every_effect_happens_once(&url, 1, many()).await;
}
