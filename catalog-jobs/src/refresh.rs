//! The job that reads a source anew, and how the stores of sources ask for it.

use catalog_core::{
    name::{Namespace, PluginName, SourceId},
    store::{
        StoreError, StoreErrorKind,
        hook::{Enqueue, JobRequest},
    },
};
use serde::{Deserialize, Serialize};

use crate::{
    job::Job,
    name::QueueName,
    new_job::{InvalidJob, NewJob},
    store::EnqueueStore,
};

/// Read a source anew. Of each source one such job is live at a time.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct RefreshSource {
    /// The plugin.
    pub plugin: PluginName,
    /// The source.
    pub source: SourceId,
}

impl Job for RefreshSource {
    const KIND: &'static str = "refresh";
}

impl RefreshSource {
    /// The job that reads that source anew.
    ///
    /// # Errors
    /// [`InvalidJob`] never, for names are short.
    pub fn job(namespace: &Namespace, plugin: &PluginName, source: &SourceId) -> Result<NewJob, InvalidJob> {
        let refresh = Self { plugin: plugin.clone(), source: source.clone() };
        NewJob::new(namespace.clone(), &refresh)?
            .for_plugin(plugin.clone())
            .for_source(source.clone())
            .with_unique_key(format!("refresh:{plugin}:{source}"))
    }
}

/// Puts what a store asks for into its own transaction: the job is there when the change that asked for it is, and only then.
///
/// It keeps no schedules, and refuses a source that has one; see `SourceSchedules` for what keeps them.
#[derive(Clone, Debug)]
pub struct RefreshQueue<S> {
    store: S,
    queue: QueueName,
    max_attempts: u32,
}

impl<S> RefreshQueue<S> {
    /// Into that queue.
    pub fn new(store: S, queue: QueueName) -> Self {
        Self { store, queue, max_attempts: 5 }
    }

    /// With so many attempts at each job instead of 5.
    #[must_use]
    pub fn with_max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts;
        self
    }
}

impl<S: EnqueueStore> Enqueue<S::Transaction> for RefreshQueue<S> {
    async fn enqueue(
        &self,
        transaction: &mut S::Transaction,
        job: &JobRequest<'_>,
    ) -> Result<(), StoreError> {
        let job = match job {
            JobRequest::Refresh { namespace, plugin, source } => {
                RefreshSource::job(namespace, plugin, source)
            }
            other => {
                let error = format!("nobody knows the job {other:?}");
                return Err(StoreError::new(StoreErrorKind::Internal, error));
            }
        };
        let job = job.and_then(|job| job.with_max_attempts(self.max_attempts));
        let job = job.map_err(|error| StoreError::new(StoreErrorKind::Internal, error))?;
        self.store.enqueue_within(transaction, &[job.in_queue(self.queue.clone())]).await.map(drop)
    }
}
