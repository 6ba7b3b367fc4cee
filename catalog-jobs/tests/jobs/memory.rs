use std::sync::Arc;

use catalog_core::{
    clock::{ManualClock, Timestamp},
    store::{MemoryTransaction, hook::Unaudited},
    testing::BrokenRecorder,
};
use catalog_jobs::{
    store::MemoryJobStore,
    testing::{self, Heard, ThreeEach},
};

struct Fixture {
    store: MemoryJobStore<Unaudited>,
    clock: ManualClock,
}

fn fixture() -> Fixture {
    let clock = ManualClock::new(Timestamp::from_unix_ms(1_800_000_000_000).unwrap());
    Fixture { store: MemoryJobStore::new(Unaudited).with_clock(Arc::new(clock.clone())), clock }
}

macro_rules! contracts {
    ($($name:ident),* $(,)?) => {
        $(
            #[tokio::test]
            async fn $name() {
                let fixture = fixture();
                testing::$name(&fixture.store, &fixture.clock).await;
            }
        )*
    };
}

contracts!(
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
);

#[tokio::test]
async fn a_claim_is_fenced() {
    testing::a_claim_is_fenced(&fixture().store, async || MemoryTransaction::default()).await;
}

#[tokio::test]
async fn a_quota_is_kept() {
    let Fixture { store, clock } = fixture();
    testing::a_quota_is_kept(&store.with_admission(Arc::new(ThreeEach)), &clock).await;
}

#[tokio::test]
async fn what_is_tried_again_is_within_the_quota() {
    let Fixture { store, .. } = fixture();
    let limited = store.clone().with_admission(Arc::new(ThreeEach));
    testing::what_is_tried_again_is_within_the_quota(&store, &limited).await;
}

#[tokio::test]
async fn a_schedule_that_is_refused_stops_no_other() {
    let Fixture { store, clock } = fixture();
    let store = store.with_admission(Arc::new(ThreeEach));
    testing::a_schedule_that_is_refused_stops_no_other(&store, &clock).await;
}

#[tokio::test]
async fn changes_are_recorded() {
    let heard = Heard::default();
    testing::changes_are_recorded(&MemoryJobStore::new(heard.clone()), &heard).await;
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_done() {
    testing::what_cannot_be_recorded_is_not_done(&MemoryJobStore::new(BrokenRecorder)).await;
}
