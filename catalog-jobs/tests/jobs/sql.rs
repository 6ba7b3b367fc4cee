//! The contract over both engines.

use std::{sync::Arc, time::Duration};

use catalog_core::{
    clock::{ManualClock, Timestamp},
    store::{
        database::{Database, DatabaseOptions},
        hook::Unaudited,
        sql::migrate,
        statement::Statement,
    },
    testing::BrokenRecorder,
};
use catalog_jobs::{
    store::{MIGRATIONS, SqlJobStore},
    testing::{self, Heard, ThreeEach},
};
use tempfile::TempDir;

pub(crate) struct Fixture {
    pub(crate) store: SqlJobStore<Unaudited>,
    pub(crate) clock: ManualClock,
    _folder: Option<TempDir>,
}

pub(crate) async fn sqlite(_: &str) -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("jobs.db").display());
    fixture(Database::sqlite(&url, DatabaseOptions::default()).await.unwrap(), Some(folder)).await
}

pub(crate) async fn postgres(test: &str) -> Fixture {
    let url = std::env::var("CATALOG_TEST_POSTGRES_URL").unwrap();
    let (place, _) = url.rsplit_once('/').unwrap();
    // to make a database takes long on a disk that others write to
    let patient = DatabaseOptions { statement_timeout: Duration::from_mins(2), ..DatabaseOptions::default() };
    let server = Database::postgres(&url, patient).await.unwrap();
    let name: &'static str = format!("jobs_{test}").chars().take(63).collect::<String>().leak();
    for text in ["drop database if exists ", "create database "] {
        let mut statement = Statement::new(server.dialect());
        statement.push(text).push(name);
        server.fetch(statement).await.unwrap();
    }
    server.close().await;
    let database = Database::postgres(&format!("{place}/{name}"), DatabaseOptions::default()).await.unwrap();
    fixture(database, None).await
}

async fn fixture(database: Database, folder: Option<TempDir>) -> Fixture {
    migrate(&database, MIGRATIONS).await.unwrap();
    let clock = ManualClock::new(Timestamp::from_unix_ms(1_800_000_000_000).unwrap());
    let store = SqlJobStore::new(database, Unaudited).with_clock(Arc::new(clock.clone()));
    Fixture { store, clock, _folder: folder }
}

macro_rules! contracts {
    ($engine:ident $(, #[$attribute:meta])*) => {
        mod $engine {
            use super::*;

            contracts! {@ $engine, ($(#[$attribute])*),
                due_jobs_are_claimed_once,
                scheduled_jobs_wait_until_they_are_due,
                a_lease_that_ran_out_is_taken_away,
                many_are_enqueued_at_once,
                a_unique_key_has_one_live_job,
                a_burst_is_one_job,
                an_idempotency_key_gives_the_same_job_for_a_day,
                attempts_end_as_they_say,
                what_failed_may_be_tried_again,
                a_waiting_job_is_canceled_at_once,
                a_running_job_is_asked_to_stop_and_then_made_to,
                a_flood_delays_nobody,
                limits_hold,
                closed_gates_let_nothing_through,
                jobs_are_listed_within_a_scope,
                finished_jobs_are_removed_in_time,
                schedules_fire_once,
            }

            #[tokio::test]
            $(#[$attribute])*
            async fn a_claim_is_fenced() {
                let fixture = super::$engine("fenced").await;
                let begin = async || fixture.store.database().begin().await.unwrap();
                testing::a_claim_is_fenced(&fixture.store, begin).await;
            }

            #[tokio::test]
            $(#[$attribute])*
            async fn a_quota_is_kept() {
                let Fixture { store, clock, _folder } = super::$engine("quota").await;
                testing::a_quota_is_kept(&store.with_admission(Arc::new(ThreeEach)), &clock).await;
            }

            #[tokio::test]
            $(#[$attribute])*
            async fn changes_are_recorded() {
                let (fixture, heard) = (super::$engine("recorded").await, Heard::default());
                let store = SqlJobStore::new(fixture.store.database().clone(), heard.clone());
                testing::changes_are_recorded(&store, &heard).await;
            }

            #[tokio::test]
            $(#[$attribute])*
            async fn what_cannot_be_recorded_is_not_done() {
                let fixture = super::$engine("unrecorded").await;
                let store = SqlJobStore::new(fixture.store.database().clone(), BrokenRecorder);
                testing::what_cannot_be_recorded_is_not_done(&store).await;
            }
        }
    };
    (@ $engine:ident, $attributes:tt, $($name:ident),* $(,)?) => {
        $(contracts! {@@ $engine, $attributes, $name})*
    };
    (@@ $engine:ident, ($($attribute:tt)*), $name:ident) => {
        #[tokio::test]
        $($attribute)*
        async fn $name() {
            let fixture = super::$engine(stringify!($name)).await;
            testing::$name(&fixture.store, &fixture.clock).await;
        }
    };
}

contracts!(sqlite);
contracts!(postgres, #[ignore = "needs CATALOG_TEST_POSTGRES_URL"]);
