//! What a worker has taken, for a while.

use std::time::Duration;

use catalog_core::{
    clock::Timestamp,
    name::{Namespace, PluginName, SourceId},
};
use uuid::Uuid;

use crate::{
    allot::Rotation,
    limit::Limits,
    name::{JobKind, QueueName},
    record::Progress,
};

/// The right to one attempt at a job, for as long as its lease is renewed.
#[derive(Clone, Debug, Eq, PartialEq, Hash)]
pub struct Claim {
    /// The tenant.
    pub namespace: Namespace,
    /// The job.
    pub id: Uuid,
    /// The fencing token: of two claims of one job the later has the greater. Whatever a holder changes is conditional on it.
    pub token: i64,
}

/// A claim with all that a handler needs.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Claimed {
    /// The claim.
    pub claim: Claim,
    /// What sort of job it is.
    pub kind: JobKind,
    /// What it needs to know, as JSON.
    pub payload: String,
    /// The plugin that it is for.
    pub plugin: Option<PluginName>,
    /// The source that it is for.
    pub source: Option<SourceId>,
    /// Who asked for it.
    pub requested_by: Option<String>,
    /// When it was enqueued.
    pub requested_at: Timestamp,
    /// When it was claimed.
    pub claimed_at: Timestamp,
    /// Which attempt this is; 1 is the first.
    pub attempt: u32,
    /// How many it may have.
    pub max_attempts: u32,
}

/// What a worker wants to claim.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ClaimRequest {
    /// Jobs of that queue.
    pub queue: QueueName,
    /// Who claims them: the replica, for people.
    pub worker: String,
    /// So many at most.
    pub most: usize,
    /// For so long, unless the lease is renewed.
    pub lease: Duration,
    /// How many may run at once, over all replicas. All workers of a queue are to have the same.
    pub limits: Limits,
}

impl ClaimRequest {
    /// Of a queue without limits.
    pub fn new(queue: QueueName, worker: impl Into<String>, most: usize, lease: Duration) -> Self {
        Self { queue, worker: worker.into(), most, lease, limits: Limits::default() }
    }

    /// Within limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

/// What was claimed, and when there may be more.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClaimBatch {
    /// The claims.
    pub claimed: Vec<Claimed>,
    /// Whether there was as much as could be taken, so that asking again at once is likely to give more.
    pub more: bool,
    /// When the next scheduled job is due.
    pub next_due: Option<Duration>,
}

impl ClaimBatch {
    /// Notes what came of lanes from which something could be claimed: there may be more, or limits held it back.
    pub(crate) fn note(&mut self, request: &ClaimRequest, rotation: &mut Rotation) {
        if !self.claimed.is_empty() {
            rotation.served();
            self.more = true;
        } else if !self.more && !request.limits.is_unlimited() {
            let again = rotation.held_back();
            self.next_due = Some(self.next_due.map_or(again, |due| due.min(again)));
        }
    }
}

/// A sign of life for a claim.
#[derive(Clone, Debug, PartialEq)]
pub struct Beat {
    /// The claim.
    pub claim: Claim,
    /// How far the job is, if that has changed.
    pub progress: Option<Progress>,
}

/// What a sign of life brought.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Renewed {
    /// The lease is renewed.
    Held,
    /// It is, but the job is to be given up.
    CancelRequested,
    /// The claim is lost: whoever held it can change nothing any more.
    Lost,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// Well.
    Succeeded {
        /// What the handler gave, as JSON.
        result: Option<String>,
    },
    /// For good.
    Failed {
        /// Why.
        error: String,
        /// After as many attempts as there may be.
        dead: bool,
    },
    /// Not well, but it will be tried again.
    Retry {
        /// Why.
        error: String,
        /// In so long.
        after: Duration,
        /// The attempt does not count.
        refund: bool,
    },
    /// The handler gave up because it was to.
    Canceled,
    /// It was not begun, or broken off because the worker leaves: another worker may go on. The attempt does not count.
    Released {
        /// In so long.
        after: Duration,
    },
}

/// The end of a claim.
#[derive(Clone, Debug, PartialEq)]
pub struct Settlement {
    /// The claim.
    pub claim: Claim,
    /// How it ended.
    pub outcome: Outcome,
    /// How far the job came, if that was not told yet.
    pub progress: Option<Progress>,
}

/// What was done about claims whose worker gave no sign of life.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Reaped {
    /// So many jobs wait again.
    pub requeued: usize,
    /// So many had no attempt left.
    pub dead: usize,
    /// So many were to be canceled, and are.
    pub canceled: usize,
}

impl Reaped {
    /// How many in all.
    pub fn total(self) -> usize {
        self.requeued + self.dead + self.canceled
    }
}
