//! What is measured of a worker. Without a recorder it costs nothing.

use std::time::Duration;

use metrics::{counter, gauge, histogram};

use crate::{
    claim::{Claimed, Outcome, Reaped},
    name::QueueName,
    store::Depth,
};

/// Whether it is worth asking for what is measured.
pub(super) const MEASURED: bool = true;

pub(super) fn claimed(queue: &QueueName, many: usize) {
    counter!("catalog_jobs_claimed_total", "queue" => queue.to_string()).increment(many as u64);
}

/// How long a job waited for its first attempt.
pub(super) fn started(queue: &QueueName, claimed: &Claimed) {
    let waited = claimed.claimed_at.saturating_since(claimed.requested_at);
    if claimed.attempt == 1 {
        histogram!("catalog_jobs_wait_seconds", "queue" => queue.to_string()).record(waited.as_secs_f64());
    }
}

pub(super) fn took(queue: &QueueName, took: Duration) {
    histogram!("catalog_jobs_attempt_seconds", "queue" => queue.to_string()).record(took.as_secs_f64());
}

pub(super) fn ended(outcome: &Outcome) {
    let outcome = match outcome {
        Outcome::Succeeded { .. } => "succeeded",
        Outcome::Failed { dead: true, .. } => "dead",
        Outcome::Failed { .. } => "failed",
        Outcome::Retry { .. } => "retry",
        Outcome::Canceled => "canceled",
        Outcome::Released { .. } => "released",
    };
    counter!("catalog_jobs_attempts_total", "outcome" => outcome).increment(1);
}

pub(super) fn lease_lost() {
    counter!("catalog_jobs_leases_lost_total").increment(1);
}

pub(super) fn reaped(reaped: Reaped) {
    for (outcome, many) in
        [("requeued", reaped.requeued), ("dead", reaped.dead), ("canceled", reaped.canceled)]
    {
        counter!("catalog_jobs_reaped_total", "outcome" => outcome).increment(many as u64);
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge")]
pub(super) fn depth(queue: &QueueName, depth: Depth) {
    for (state, many) in [("ready", depth.ready), ("scheduled", depth.scheduled), ("running", depth.running)]
    {
        gauge!("catalog_jobs_depth", "queue" => queue.to_string(), "state" => state).set(many as f64);
    }
    gauge!("catalog_jobs_oldest_seconds", "queue" => queue.to_string()).set(depth.oldest.as_secs_f64());
}
