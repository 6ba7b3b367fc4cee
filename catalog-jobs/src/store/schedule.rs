use std::future::Future;

use catalog_core::{
    clock::Timestamp,
    name::Namespace,
    store::{StoreError, StoreErrorKind},
};

use super::EnqueueStore;
use crate::{name::ScheduleName, new_job::NewJob, schedule::Schedule};

/// A schedule, and when it is due.
#[derive(Clone, Debug, PartialEq)]
pub struct DueSchedule {
    /// The schedule.
    pub schedule: Schedule,
    /// When.
    pub due: Timestamp,
}

/// Keeps schedules.
pub trait ScheduleStore: EnqueueStore {
    /// Puts a schedule in the place of the tenant's one of that name, unless that is the same.
    ///
    /// # Errors
    /// By kind: `Unavailable`, `Conflict`, `Internal`.
    fn put_schedule(
        &self,
        schedule: &Schedule,
        due: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// As [`put_schedule`](Self::put_schedule), in the caller's transaction.
    ///
    /// # Errors
    /// By kind: `Unavailable`, `Conflict`, `Internal`.
    fn put_schedule_within(
        &self,
        transaction: &mut Self::Transaction,
        schedule: &Schedule,
        due: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Takes a tenant's schedule away; one that is not there is no error.
    ///
    /// # Errors
    /// By kind: `Unavailable`, `Conflict`, `Internal`.
    fn remove_schedule(
        &self,
        namespace: &Namespace,
        name: &ScheduleName,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// As [`remove_schedule`](Self::remove_schedule), in the caller's transaction.
    ///
    /// # Errors
    /// By kind: `Unavailable`, `Conflict`, `Internal`.
    fn remove_schedule_within(
        &self,
        transaction: &mut Self::Transaction,
        namespace: &Namespace,
        name: &ScheduleName,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The schedules of any tenant that are due first; one that cannot be read is told of and passed over.
    ///
    /// # Errors
    /// By kind: `Unavailable`, `Internal`.
    fn soonest_schedules_any_tenant(
        &self,
        most: usize,
    ) -> impl Future<Output = Result<Vec<DueSchedule>, StoreError>> + Send;

    /// Enqueues the job of a schedule that is due, and says when it is due next, none is never; gives whether nobody else did so before.
    ///
    /// # Errors
    /// By kind: `Unavailable`, `Conflict`, `Internal`; nothing was enqueued then.
    fn fire_schedule(
        &self,
        due: &DueSchedule,
        next: Option<Timestamp>,
        job: Option<&NewJob>,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;
}

/// Whether nothing but the tenant's leave was missing for a job of the schedule: the next time it may have some.
pub(super) fn is_refused(due: &DueSchedule, error: &StoreError) -> bool {
    let refused = matches!(error.kind(), StoreErrorKind::NotAdmitted | StoreErrorKind::TooManyJobs);
    if refused {
        let Schedule { namespace, name, .. } = &due.schedule;
        tracing::info!(%namespace, schedule = %name, "the tenant may have no job now");
    }
    refused
}
