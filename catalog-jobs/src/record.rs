//! A job as it is kept and shown.

use catalog_core::{
    clock::Timestamp,
    name::{Namespace, PluginName, SourceId},
    page::PageSize,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::name::{JobKind, QueueName};

/// How a job does.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// It waits.
    Queued,
    /// A worker is at it.
    Running,
    /// It is done.
    Succeeded,
    /// It is not, and will not be.
    Failed,
    /// Somebody wanted it no more.
    Canceled,
}

impl JobState {
    /// All states.
    pub const ALL: [Self; 5] = [Self::Queued, Self::Running, Self::Succeeded, Self::Failed, Self::Canceled];

    /// The state, as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }

    /// The state that is written so.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether nothing more will happen by itself.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Canceled)
    }
}

/// How far a job is, as its handler tells.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// So much is done.
    pub done: u64,
    /// Of so much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// What is being done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// A job with all that is known of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct JobRecord {
    /// Its id.
    pub id: Uuid,
    /// The tenant.
    pub namespace: Namespace,
    /// The queue.
    pub queue: QueueName,
    /// What sort it is.
    pub kind: JobKind,
    /// The plugin that it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plugin: Option<PluginName>,
    /// The source that it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_id: Option<SourceId>,
    /// Who asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requested_by: Option<String>,
    /// When it was enqueued.
    pub requested_at: Timestamp,
    /// How it does.
    pub state: JobState,
    /// Queued, but not to be attempted before [`next_attempt_at`](Self::next_attempt_at).
    pub scheduled: bool,
    /// Failed, after as many attempts as it may have.
    pub dead: bool,
    /// Somebody wants it no more, and its handler has been or will be told.
    pub cancel_requested: bool,
    /// How far it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// How often it was claimed.
    pub attempt_count: u32,
    /// How often it may be.
    pub max_attempts: u32,
    /// When a scheduled job is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_attempt_at: Option<Timestamp>,
    /// When the last attempt began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When its state became final.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// What the last failure was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// The idempotency key that it was asked for with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// What its handler gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<serde_json::Value>,
}

/// Which jobs of a tenant are listed, newest first.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct JobQuery {
    /// Of that kind only.
    pub kind: Option<JobKind>,
    /// Of that plugin only.
    pub plugin: Option<PluginName>,
    /// Of that source only.
    pub source: Option<SourceId>,
    /// In that state only.
    pub state: Option<JobState>,
    /// Asked for by that user only.
    pub requested_by: Option<String>,
    /// After that one.
    pub before: Option<Uuid>,
    /// So many at most; the store gives one more if there is one.
    pub size: PageSize,
}

impl JobQuery {
    /// Whether the list holds that job, wherever it begins.
    pub fn matches(&self, record: &JobRecord) -> bool {
        let same = |wanted: &Option<String>, is: Option<&str>| wanted.is_none() || wanted.as_deref() == is;
        self.kind.as_ref().is_none_or(|kind| *kind == record.kind)
            && self.state.is_none_or(|state| state == record.state)
            && (self.plugin.is_none() || self.plugin == record.plugin)
            && (self.source.is_none() || self.source == record.source_id)
            && same(&self.requested_by, record.requested_by.as_deref())
            && self.before.is_none_or(|before| record.id < before)
    }
}

/// What became of a wish to cancel a job.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cancel {
    /// It waited, and is canceled.
    Canceled,
    /// It runs, and its handler will be told.
    Requested,
    /// It was finished already.
    Finished(JobState),
}

/// What became of a wish to try a job again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Retried {
    /// It waits again, with all its attempts.
    Queued,
    /// It waits or runs anyway.
    Live,
    /// It has succeeded.
    Succeeded,
    /// Another one with its unique key is live.
    Conflict(Uuid),
}
