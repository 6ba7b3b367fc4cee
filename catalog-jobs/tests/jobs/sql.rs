//! The contract over both engines.

use std::{sync::Arc, time::Duration};

use catalog_core::{
    clock::{ManualClock, Timestamp},
    store::{
        database::{Database, DatabaseOptions},
        hook::Unaudited,
        sql::{migrate, secure_rows},
        statement::Statement,
    },
    testing::{BrokenRecorder, scope},
};
use catalog_jobs::{
    ClaimRequest, Limits, Outcome, QueueName, Rotation,
    schedule::{Schedule, Scheduler},
    store::{ClaimStore, EnqueueStore, MIGRATIONS, SqlJobStore, TENANT_TABLES},
    testing::{self, Heard, ThreeEach, say},
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
    let url = empty(format!("jobs_{test}").chars().take(63).collect::<String>().leak()).await;
    fixture(Database::postgres(&url, DatabaseOptions::default()).await.unwrap(), None).await
}

/// With row-level security, for a user whom it binds.
pub(crate) async fn secured(test: &str) -> Fixture {
    let name: &'static str = format!("jobs_secured_{test}").chars().take(63).collect::<String>().leak();
    let url = empty(name).await;
    let server = Database::postgres(&url, DatabaseOptions::default()).await.unwrap();
    for texts in [
        ["drop role if exists ", name, ""],
        ["create role ", name, " login password 'tenants'"],
        ["grant create on schema public to ", name, ""],
    ] {
        let mut statement = Statement::new(server.dialect());
        for text in texts {
            statement.push(text);
        }
        server.fetch(statement).await.unwrap();
    }
    server.close().await;
    let (_, place) = url.rsplit_once('@').unwrap();
    let options = DatabaseOptions { row_level_security: true, ..DatabaseOptions::default() };
    let database = Database::postgres(&format!("postgres://{name}:tenants@{place}"), options).await.unwrap();
    let fixture = fixture(database, None).await;
    secure_rows(fixture.store.database(), TENANT_TABLES).await.unwrap();
    fixture
}

/// An empty database of that name, as its URL.
pub(crate) async fn empty(name: &'static str) -> String {
    let url = std::env::var("CATALOG_TEST_POSTGRES_URL").unwrap();
    let (place, _) = url.rsplit_once('/').unwrap();
    // to make a database takes long on a disk that others write to
    let patient = DatabaseOptions { statement_timeout: Duration::from_mins(2), ..DatabaseOptions::default() };
    let server = Database::postgres(&url, patient).await.unwrap();
    for text in ["drop database if exists ", "create database "] {
        let mut statement = Statement::new(server.dialect());
        statement.push(text).push(name);
        server.fetch(statement).await.unwrap();
    }
    server.close().await;
    format!("{place}/{name}")
}

async fn fixture(database: Database, folder: Option<TempDir>) -> Fixture {
    migrate(&database, MIGRATIONS).await.unwrap();
    let clock = ManualClock::new(Timestamp::from_unix_ms(1_800_000_000_000).unwrap());
    let store = SqlJobStore::new(database, Unaudited).with_clock(Arc::new(clock.clone()));
    Fixture { store, clock, _folder: folder }
}

/// More rows than are read at once are such as a newer release might write.
async fn passes_over_what_it_cannot_read(store: &SqlJobStore<Unaudited>, clock: &ManualClock) {
    let scheduler = Scheduler::new(store.clone()).with_clock(Arc::new(clock.clone()));
    let hourly = "0 * * * * UTC".parse().unwrap();
    let (name, job) = ("readable".parse().unwrap(), testing::Say("x".into()));
    let schedule = Schedule::new("a".parse().unwrap(), name, hourly, QueueName::default(), &job).unwrap();
    scheduler.put(&schedule).await.unwrap();
    for number in 0..150 {
        let mut insert = Statement::new(store.database().dialect());
        insert.push("insert into catalog_jobs_schedules (namespace, name, schedule, due_ms) values ('a', ");
        insert.bind(format!("newer-{number}")).push(", '{\"on\":\"full moon\"}', 0)");
        store.database().change_any_tenant(insert).await.unwrap();
    }
    clock.advance(scheduler.fire().await.unwrap().unwrap());
    scheduler.fire().await.unwrap();
    assert_eq!(testing::said(&testing::claim(store, 9).await), "x");
}

macro_rules! contracts {
    ($engine:ident $(, #[$attribute:meta])*) => {
        mod $engine {
            use super::*;

            contracts! {@ $engine, ($(#[$attribute])*),
                due_jobs_are_claimed_once,
                claims_come_in_order,
                scheduled_jobs_wait_until_they_are_due,
                a_lease_that_ran_out_is_taken_away,
                many_are_enqueued_at_once,
                a_unique_key_has_one_live_job,
                a_burst_is_one_job,
                an_idempotency_key_gives_the_same_job_for_a_day,
                attempts_end_as_they_say,
                what_was_lost_is_not_noted,
                what_failed_may_be_tried_again,
                a_waiting_job_is_canceled_at_once,
                a_job_that_ends_meanwhile_is_finished,
                a_running_job_is_asked_to_stop_and_then_made_to,
                a_flood_delays_nobody,
                many_tenants_are_served_without_a_rest,
                limits_hold,
                who_is_held_back_is_woken,
                closed_gates_let_nothing_through,
                jobs_are_listed_within_a_scope,
                finished_jobs_are_removed_in_time,
                a_queue_tells_how_long_jobs_wait,
                a_tenant_is_purged,
                schedules_fire_once,
                schedules_go_with_their_tenant,
            }

            #[tokio::test]
            $(#[$attribute])*
            async fn a_claim_is_fenced() {
                let fixture = super::$engine("fenced").await;
                let begin = async || fixture.store.database().begin_any_tenant().await.unwrap();
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
            async fn what_is_tried_again_is_within_the_quota() {
                let Fixture { store, _folder, .. } = super::$engine("retried_quota").await;
                let limited = store.clone().with_admission(Arc::new(ThreeEach));
                testing::what_is_tried_again_is_within_the_quota(&store, &limited).await;
            }

            #[tokio::test]
            $(#[$attribute])*
            async fn a_schedule_that_is_refused_stops_no_other() {
                let Fixture { store, clock, _folder } = super::$engine("refused").await;
                let store = store.with_admission(Arc::new(ThreeEach));
                testing::a_schedule_that_is_refused_stops_no_other(&store, &clock).await;
            }

            #[tokio::test]
            $(#[$attribute])*
            async fn a_schedule_that_cannot_be_read_stops_no_other() {
                let fixture = super::$engine("unread").await;
                passes_over_what_it_cannot_read(&fixture.store, &fixture.clock).await;
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
contracts!(secured, #[ignore = "needs CATALOG_TEST_POSTGRES_URL"]);

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn a_statement_that_forgot_its_tenant_sees_no_job() {
    let fixture = secured("forgetful").await;
    let (store, database) = (&fixture.store, fixture.store.database());
    store.enqueue(&[say("a", "1"), say("a", "2"), say("b", "3")]).await.unwrap();
    for table in ["catalog_jobs_live", "catalog_jobs_records"] {
        let count = || {
            let mut statement = Statement::new(database.dialect());
            statement.push("select count(*) from ").push(table);
            statement
        };
        assert_eq!(database.fetch(count()).await.unwrap().remove(0).integer(0).unwrap(), 0, "{table}");
        for (tenant, sees) in [("a", 2), ("b", 1), ("c", 0), ("*", 3)] {
            let mut statement = count();
            statement.within(&scope(tenant).await);
            let seen = database.fetch(statement).await.unwrap().remove(0).integer(0).unwrap();
            assert_eq!(seen, sees, "{table} {tenant}");
        }
    }
    let mut transaction = database.begin_within(&scope("a").await).await.unwrap();
    let other = store.enqueue_within(&mut transaction, &[say("b", "4")]).await;
    assert!(other.is_err(), "nor is one of another's enqueued");
}

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn another_process_is_told_of_room() {
    let Fixture { store, .. } = postgres("room").await;
    store.enqueue(&[(); 5].map(|()| say("a", "x"))).await.unwrap();
    let elsewhere = SqlJobStore::new(store.database().clone(), Unaudited);
    let mut wakes = elsewhere.wakes().of(&QueueName::default());
    let listening = tokio::spawn(async move { elsewhere.listen().await });
    wakes.changed().await.unwrap();
    let limits = Limits { queue: Some(1), ..Limits::default() };
    let request = ClaimRequest::new(QueueName::default(), "test", 4, testing::LEASE).with_limits(limits);
    let mut rotation = Rotation::default();
    for _ in 0..5 {
        let claimed = store.claim_any_tenant(&request, &mut rotation).await.unwrap().claimed.remove(0);
        wakes.mark_unchanged();
        assert!(testing::settle(&store, &claimed.claim, Outcome::Succeeded { result: None }).await);
        tokio::time::timeout(Duration::from_secs(5), wakes.changed()).await.unwrap().unwrap();
    }
    listening.abort();
}
