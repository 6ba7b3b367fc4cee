//! The contract of the stores, as functions that any author of one may run against it.
//!
//! Each takes a store that is empty and the clock that the store's time comes from, and panics at what does not hold.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a contract that does not hold panics"
)]

mod cancel;
mod claim;
mod clock;
mod enqueue;
mod fair;
mod model;
mod record;
#[cfg(feature = "schedules")]
mod schedule;
mod settle;
mod told;

use std::time::Duration;

use catalog_core::name::Namespace;
use serde::{Deserialize, Serialize};

#[cfg(feature = "schedules")]
pub use self::schedule::{
    a_schedule_that_is_refused_stops_no_other, schedules_fire_once, schedules_go_with_their_tenant,
};
pub use self::{
    cancel::{
        a_job_that_ends_meanwhile_is_finished, a_running_job_is_asked_to_stop_and_then_made_to,
        a_waiting_job_is_canceled_at_once,
    },
    claim::{
        a_claim_is_fenced, a_lease_that_ran_out_is_taken_away, claims_come_in_order,
        due_jobs_are_claimed_once, scheduled_jobs_wait_until_they_are_due,
    },
    clock::RuntimeClock,
    enqueue::{
        ThreeEach, a_burst_is_one_job, a_quota_is_kept, a_unique_key_has_one_live_job,
        an_idempotency_key_gives_the_same_job_for_a_day, many_are_enqueued_at_once,
        what_is_tried_again_is_within_the_quota,
    },
    fair::{
        a_flood_delays_nobody, closed_gates_let_nothing_through, limits_hold,
        many_tenants_are_served_without_a_rest, who_is_held_back_is_woken,
    },
    model::{Step, histories, histories_agree},
    record::{
        a_queue_tells_how_long_jobs_wait, a_tenant_is_purged, finished_jobs_are_removed_in_time,
        jobs_are_listed_within_a_scope,
    },
    settle::{attempts_end_as_they_say, what_failed_may_be_tried_again, what_was_lost_is_not_noted},
    told::{Heard, changes_are_recorded, what_cannot_be_recorded_is_not_done},
};
use crate::{
    allot::Rotation,
    claim::{Claim, ClaimRequest, Claimed, Outcome, Settlement},
    job::Job,
    name::QueueName,
    new_job::NewJob,
    store::JobStore,
};

/// A job that says something.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Say(pub String);

impl Job for Say {
    const KIND: &'static str = "say";
}

/// A job of the tenant's that says that.
pub fn say(tenant: &str, what: &str) -> NewJob {
    NewJob::new(tenant.parse().unwrap(), &Say(what.into())).unwrap()
}

/// How long a claim is for.
pub const LEASE: Duration = Duration::from_secs(30);

/// Claims at most so many of the default queue.
pub async fn claim<S: JobStore>(store: &S, most: usize) -> Vec<Claimed> {
    let request = ClaimRequest::new(QueueName::default(), "test", most, LEASE);
    store.claim_any_tenant(&request, &mut Rotation::default()).await.unwrap().claimed
}

/// What those jobs say.
pub fn said(claimed: &[Claimed]) -> String {
    let mut said: Vec<String> =
        claimed.iter().map(|claimed| serde_json::from_str::<Say>(&claimed.payload).unwrap().0).collect();
    said.sort();
    said.join(" ")
}

/// Ends one claim, and gives whether it was held.
pub async fn settle<S: JobStore>(store: &S, claim: &Claim, outcome: Outcome) -> bool {
    let ended = [Settlement { claim: claim.clone(), outcome, progress: None }];
    store.settle(&ended).await.unwrap()[0]
}

fn name(name: &str) -> Namespace {
    name.parse().unwrap()
}

const DONE: Outcome = Outcome::Succeeded { result: None };
