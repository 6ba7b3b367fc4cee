//! The schedules that sources are refreshed by, and how the stores of sources keep them.

use std::sync::Arc;

use catalog_core::{
    clock::{Clock, SystemClock},
    name::{Namespace, PluginName, SourceId},
    store::{
        StoreError, StoreErrorKind,
        hook::{Enqueue, JobRequest},
    },
};

use super::{Schedule, scheduler::due_after};
use crate::{name::QueueName, refresh::RefreshQueue, store::ScheduleStore};

/// Puts what a store of sources asks for into its own transaction, schedules included: a source is refreshed by the schedule that its
/// specification names, from the change on that named it.
#[derive(Clone, Debug)]
pub struct SourceSchedules<S> {
    store: S,
    queue: QueueName,
    max_attempts: u32,
    refreshes: RefreshQueue<S>,
    clock: Arc<dyn Clock>,
}

impl<S: Clone> SourceSchedules<S> {
    /// In that store, with jobs of that queue, each of which is attempted so often.
    pub fn new(store: S, queue: QueueName, max_attempts: u32) -> Self {
        let refreshes = RefreshQueue::new(store.clone(), queue.clone()).with_max_attempts(max_attempts);
        Self { store, queue, max_attempts, refreshes, clock: Arc::new(SystemClock) }
    }

    /// With another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    fn schedule(
        &self,
        namespace: &Namespace,
        plugin: &PluginName,
        source: &SourceId,
        text: &str,
    ) -> Result<Schedule, StoreError> {
        let recurrence = text.parse().map_err(internal)?;
        Schedule::refresh(namespace, plugin, source, recurrence, self.queue.clone())
            .and_then(|schedule| schedule.with_max_attempts(self.max_attempts))
            .map_err(internal)
    }
}

impl<S: ScheduleStore + Clone> Enqueue<S::Transaction> for SourceSchedules<S> {
    async fn enqueue(
        &self,
        transaction: &mut S::Transaction,
        job: &JobRequest<'_>,
    ) -> Result<(), StoreError> {
        let JobRequest::Schedule { namespace, plugin, source, schedule } = job else {
            return self.refreshes.enqueue(transaction, job).await;
        };
        let Some(text) = schedule else {
            let name = Schedule::refresh_name(plugin, source).map_err(internal)?;
            return self.store.remove_schedule_within(transaction, namespace, &name).await;
        };
        let schedule = self.schedule(namespace, plugin, source, text)?;
        // what is checked when it is written has a next time
        let due = due_after(&schedule, self.clock.now()).ok_or_else(|| internal("it has no next time"))?;
        self.store.put_schedule_within(transaction, &schedule, due).await
    }
}

fn internal(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::new(StoreErrorKind::Internal, error)
}
