//! Where jobs are kept: the traits, and stores in memory, on SQLite and on PostgreSQL.
//!
//! What waits and runs is apart from what is finished and from what a job needs to know, so that claims stay fast however much was
//! done before. What must be atomic is one method; what a worker changes is conditional on its [`Claim`].

mod memory;
mod room;
#[cfg(feature = "schedules")]
mod schedule;
#[cfg(feature = "_sql")]
mod sql;
mod told;

use std::future::Future;

use catalog_core::{
    store::{Attribution, StoreError, hook::Fence},
    tenant::TenantScope,
};
use uuid::Uuid;

pub use self::memory::{MemoryFence, MemoryJobStore};
#[cfg(feature = "schedules")]
pub use self::schedule::{DueSchedule, ScheduleStore};
#[cfg(feature = "_sql")]
pub use self::sql::{MIGRATIONS, SqlFence, SqlJobStore, TENANT_TABLES};
use crate::{
    allot::Rotation,
    claim::{Beat, Claim, ClaimBatch, ClaimRequest, Reaped, Renewed, Settlement},
    gate::Gate,
    lease::Lease,
    name::QueueName,
    new_job::{Enqueued, NewJob},
    record::{Cancel, JobQuery, JobRecord, Retried},
    retention::Retention,
    wake::Wakes,
};

/// Takes jobs in.
pub trait EnqueueStore: Send + Sync + 'static {
    /// What a change is made in.
    type Transaction: Send;

    /// Enqueues jobs, all or none, and gives what became of each.
    ///
    /// # Errors
    /// By kind: `NotAdmitted` or `TooManyJobs` when a tenant may not have them, `Unavailable`, `Conflict`, `Internal`.
    fn enqueue(&self, jobs: &[NewJob]) -> impl Future<Output = Result<Vec<Enqueued>, StoreError>> + Send;

    /// As [`enqueue`](Self::enqueue), of jobs that somebody asks for: those that are new are recorded with it.
    ///
    /// # Errors
    /// As [`enqueue`](Self::enqueue), and whatever the recorder says; nothing was enqueued then.
    fn enqueue_for(
        &self,
        by: &Attribution,
        jobs: &[NewJob],
    ) -> impl Future<Output = Result<Vec<Enqueued>, StoreError>> + Send;

    /// Enqueues jobs in the caller's transaction: they are there when it is committed, and only then.
    ///
    /// # Errors
    /// As [`enqueue`](Self::enqueue).
    fn enqueue_within(
        &self,
        transaction: &mut Self::Transaction,
        jobs: &[NewJob],
    ) -> impl Future<Output = Result<Vec<Enqueued>, StoreError>> + Send;

    /// Tells of queues that have become due.
    fn wakes(&self) -> &Wakes;

    /// Tells [`wakes`](Self::wakes) what other processes enqueue, for as long as it is polled and the database brings news; one that
    /// brings none returns at once.
    ///
    /// # Errors
    /// `Unavailable` when the connection is lost.
    fn listen(&self) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// Gives jobs out to workers, of all tenants, and takes them back.
pub trait ClaimStore: Send + Sync + 'static {
    /// Claims due jobs of any tenant, fair between tenants and within the limits. Each is counted as an attempt.
    ///
    /// # Errors
    /// By kind: `Unavailable`, `Conflict`, `Corrupt`, `Internal`; nothing was claimed then, or what was is given out again when the
    /// lease has run out.
    fn claim_any_tenant(
        &self,
        request: &ClaimRequest,
        rotation: &mut Rotation,
    ) -> impl Future<Output = Result<ClaimBatch, StoreError>> + Send;

    /// Renews leases for so long, and gives for each how it stands.
    ///
    /// # Errors
    /// By kind: `Unavailable`, `Internal`.
    fn renew(
        &self,
        beats: &[Beat],
        lease: std::time::Duration,
    ) -> impl Future<Output = Result<Vec<Renewed>, StoreError>> + Send;

    /// Ends claims, and gives for each whether it was held until then. One that was lost changes nothing.
    ///
    /// # Errors
    /// By kind: `Unavailable`, `Conflict`, `Internal`. Some may have been ended; ending them again does no harm.
    fn settle(&self, ended: &[Settlement]) -> impl Future<Output = Result<Vec<bool>, StoreError>> + Send;

    /// Takes away at most `most` claims of any tenant whose lease has run out, or whose time to be canceled has.
    ///
    /// # Errors
    /// By kind: `Unavailable`, `Conflict`, `Internal`.
    fn reap_any_tenant(&self, most: usize) -> impl Future<Output = Result<Reaped, StoreError>> + Send;
}

/// Ends a claim in the transaction of its effect, and fences it.
pub trait CompleteStore: Send + Sync + 'static {
    /// What the effect is made in.
    type Transaction: Send;
    /// The guard that makes a transaction fail when the claim is lost.
    type Fence: Fence<Self::Transaction> + 'static;

    /// The fence of a claim.
    fn fence(&self, claim: &Claim) -> Self::Fence;

    /// The fence of a claim that renews it, too: an effect that takes longer than the lease does not lose its own claim.
    fn renewing_fence(&self, claim: &Claim, lease: &Lease) -> Self::Fence;

    /// Ends the claim well, in the transaction. `done` is called once that is committed.
    ///
    /// # Errors
    /// By kind: `Fenced` when the claim is lost; the transaction must not be committed then. `Unavailable`, `Conflict`, `Internal`.
    fn complete_within(
        &self,
        transaction: &mut Self::Transaction,
        claim: &Claim,
        result: Option<String>,
        done: Box<dyn FnOnce() + Send>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// Shows jobs, and takes wishes.
pub trait RecordStore: Send + Sync + 'static {
    /// Lists jobs within the scope, newest first: one more than asked for if there is one.
    ///
    /// # Errors
    /// By kind: `Unavailable`, `Corrupt`, `Internal`.
    fn list(
        &self,
        scope: &TenantScope,
        query: &JobQuery,
    ) -> impl Future<Output = Result<Vec<JobRecord>, StoreError>> + Send;

    /// Finds a job within the scope.
    ///
    /// # Errors
    /// By kind: `Unavailable`, `Corrupt`, `Internal`.
    fn find(
        &self,
        scope: &TenantScope,
        id: Uuid,
    ) -> impl Future<Output = Result<Option<JobRecord>, StoreError>> + Send;

    /// Cancels a job: at once if it waits; if it runs its handler is told, and after `grace` its claim is taken away. None if there
    /// is no such job. What is changed is recorded with it.
    ///
    /// # Errors
    /// By kind: `ScopeTooWide` unless the scope is one tenant, `Unavailable`, `Conflict`, `Internal`.
    fn cancel(
        &self,
        scope: &TenantScope,
        by: &Attribution,
        id: Uuid,
        grace: std::time::Duration,
    ) -> impl Future<Output = Result<Option<Cancel>, StoreError>> + Send;

    /// Has a job that failed or was canceled be tried again, which is recorded with it. None if there is no such job.
    ///
    /// # Errors
    /// By kind: `ScopeTooWide` unless the scope is one tenant, `NotAdmitted` or `TooManyJobs` when it may not have it, `Unavailable`, `Conflict`, `Internal`.
    fn retry(
        &self,
        scope: &TenantScope,
        by: &Attribution,
        id: Uuid,
    ) -> impl Future<Output = Result<Option<Retried>, StoreError>> + Send;
}

/// Keeps house.
pub trait UpkeepStore: Send + Sync + 'static {
    /// Lets no further job through a gate, or lets them through again, and gives whether it was otherwise before; if so, that is
    /// recorded with it. What runs goes on.
    ///
    /// # Errors
    /// By kind: `Unavailable`, `Internal`.
    fn set_paused(
        &self,
        by: &Attribution,
        gate: &Gate,
        paused: bool,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// The gates that are closed.
    ///
    /// # Errors
    /// By kind: `Unavailable`, `Corrupt`, `Internal`.
    fn paused(&self) -> impl Future<Output = Result<Vec<Gate>, StoreError>> + Send;

    /// Removes at most `most` finished jobs of any tenant that are older than they are to be kept, and gives how many.
    ///
    /// # Errors
    /// By kind: `Unavailable`, `Conflict`, `Internal`.
    fn remove_finished_any_tenant(
        &self,
        retention: &Retention,
        most: usize,
    ) -> impl Future<Output = Result<usize, StoreError>> + Send;

    /// How many jobs of any tenant wait and run in a queue, and how long one of them has waited at most.
    ///
    /// # Errors
    /// By kind: `Unavailable`, `Corrupt`, `Internal`.
    fn depth_any_tenant(&self, queue: &QueueName) -> impl Future<Output = Result<Depth, StoreError>> + Send;
}

/// How full a queue is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Depth {
    /// So many jobs are due.
    pub ready: u64,
    /// So many will be.
    pub scheduled: u64,
    /// So many run.
    pub running: u64,
    /// So long ago the first of those that are due became so; one that was tried before, when it was to be tried again.
    pub oldest: std::time::Duration,
}

/// What a job says whose worker was lost.
pub(crate) const LEASE_LOST: &str = "the worker gave no sign of life until its lease ran out";

/// A store of jobs with all its sides.
pub trait JobStore:
    EnqueueStore
    + ClaimStore
    + CompleteStore<Transaction = <Self as EnqueueStore>::Transaction>
    + RecordStore
    + UpkeepStore
{
}

impl<S> JobStore for S where
    S: EnqueueStore
        + ClaimStore
        + CompleteStore<Transaction = <Self as EnqueueStore>::Transaction>
        + RecordStore
        + UpkeepStore
{
}
