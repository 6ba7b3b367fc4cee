//! Jobs that come again and again.

mod recurrence;
mod scheduler;
mod sources;

use catalog_core::name::{Namespace, PluginName, SourceId};
use serde::{Deserialize, Serialize};

pub use self::{
    recurrence::{Recurrence, RecurrenceError},
    scheduler::Scheduler,
    sources::SourceSchedules,
};
use crate::{
    job::Job,
    name::{JobKind, QueueName, ScheduleName},
    new_job::{InvalidJob, NewJob, check_attempts},
};

/// What is to be done when. Of each schedule one job is live at a time: while it waits or runs, another is not enqueued.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[non_exhaustive]
pub struct Schedule {
    /// The tenant.
    pub namespace: Namespace,
    /// What it is called; one that is put replaces the tenant's one of that name.
    pub name: ScheduleName,
    /// When.
    pub recurrence: Recurrence,
    /// Up to so many seconds later, at the same moment each time, so that schedules of one hour do not all begin with it.
    #[serde(default)]
    pub jitter_seconds: u32,
    /// What becomes of a time at which nobody was there.
    #[serde(default)]
    pub missed: Missed,
    /// The queue of its jobs.
    pub queue: QueueName,
    /// What sort they are.
    pub kind: JobKind,
    /// What their handler gets, as JSON.
    pub payload: String,
    /// The plugin that they are for.
    #[serde(default)]
    pub plugin: Option<PluginName>,
    /// The source that they are for.
    #[serde(default)]
    pub source: Option<SourceId>,
    /// Another unique key than the schedule's own.
    #[serde(default)]
    pub unique_key: Option<String>,
    /// How often each job may be attempted; 5 where nothing is said.
    #[serde(default = "max_attempts")]
    pub max_attempts: u32,
}

fn max_attempts() -> u32 {
    5
}

/// What becomes of times at which nobody was there.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Missed {
    /// However many there were, one job is enqueued as soon as somebody is there.
    #[default]
    Once,
    /// Nothing: the next time is the next one.
    Skip,
}

impl Schedule {
    /// Does the job, in that queue, again and again.
    ///
    /// # Errors
    /// [`InvalidJob`] as for a job that is enqueued.
    pub fn new<J: Job>(
        namespace: Namespace,
        name: ScheduleName,
        recurrence: Recurrence,
        queue: QueueName,
        job: &J,
    ) -> Result<Self, InvalidJob> {
        let job = NewJob::new(namespace, job)?;
        Ok(Self {
            namespace: job.namespace,
            name,
            recurrence,
            jitter_seconds: 0,
            missed: Missed::default(),
            queue,
            kind: job.kind,
            payload: job.payload,
            plugin: None,
            source: None,
            unique_key: None,
            max_attempts: job.max_attempts,
        })
    }

    /// The schedule that reads a source anew, which is [called](Self::refresh_name) after it. It shares its unique key with refreshes
    /// that are asked for.
    ///
    /// # Errors
    /// [`InvalidJob`] never, for names are short.
    pub fn refresh(
        namespace: &Namespace,
        plugin: &PluginName,
        source: &SourceId,
        recurrence: Recurrence,
        queue: QueueName,
    ) -> Result<Self, InvalidJob> {
        let name = Self::refresh_name(plugin, source)?;
        let job = crate::refresh::RefreshSource::job(namespace, plugin, source)?;
        Ok(Self {
            namespace: job.namespace,
            name,
            recurrence,
            jitter_seconds: 0,
            missed: Missed::default(),
            queue,
            kind: job.kind,
            payload: job.payload,
            plugin: job.plugin,
            source: job.source,
            unique_key: job.unique_key,
            max_attempts: job.max_attempts,
        })
    }

    /// What the schedule of a source is called within its tenant.
    ///
    /// # Errors
    /// [`InvalidJob`] never, for names are short.
    pub fn refresh_name(plugin: &PluginName, source: &SourceId) -> Result<ScheduleName, InvalidJob> {
        Ok(ScheduleName::new(format!("refresh:{plugin}:{source}"))?)
    }

    /// With so many attempts at each job.
    ///
    /// # Errors
    /// [`InvalidJob::Attempts`] for none or too many.
    pub fn with_max_attempts(mut self, attempts: u32) -> Result<Self, InvalidJob> {
        check_attempts(attempts)?;
        self.max_attempts = attempts;
        Ok(self)
    }

    /// Up to so many seconds later.
    #[must_use]
    pub fn with_jitter_seconds(mut self, seconds: u32) -> Self {
        self.jitter_seconds = seconds;
        self
    }

    /// With that for times at which nobody was there.
    #[must_use]
    pub fn with_missed(mut self, missed: Missed) -> Self {
        self.missed = missed;
        self
    }

    /// The job of one time.
    pub(crate) fn job(&self) -> NewJob {
        let unique = self.unique_key.clone().unwrap_or_else(|| format!("schedule:{}", self.name));
        NewJob::scheduled(self, unique)
    }
}
