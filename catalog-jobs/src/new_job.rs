//! A job as it is asked for.

use std::time::Duration;

use catalog_core::{
    clock::Timestamp,
    name::{Namespace, PluginName, SourceId},
};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    job::Job,
    name::{JobKind, JobNameError, LimitKey, QueueName},
};

/// The largest payload, in bytes of JSON.
pub const MAX_PAYLOAD: usize = 1 << 18;
/// The longest key, in bytes.
pub const MAX_KEY: usize = 255;
/// The most attempts that a job may be given.
pub const MAX_ATTEMPTS: u32 = 1_000;

/// For so long an idempotency key names one job.
pub const IDEMPOTENT: Duration = Duration::from_hours(24);

/// A job that is to be enqueued.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
#[non_exhaustive]
pub struct NewJob {
    /// Its id, a UUIDv7.
    pub id: Uuid,
    /// The tenant.
    pub namespace: Namespace,
    /// The queue; `default` where nothing is said.
    pub queue: QueueName,
    /// What sort it is.
    pub kind: JobKind,
    /// What the handler gets, as JSON.
    pub payload: String,
    /// The plugin that it is for.
    pub plugin: Option<PluginName>,
    /// The source that it is for.
    pub source: Option<SourceId>,
    /// Who asked for it.
    pub requested_by: Option<String>,
    /// Of one tenant's jobs the ones of higher priority go first; 0 where nothing is said.
    pub priority: i16,
    /// When it may be attempted first.
    pub due: Due,
    /// While a job of the tenant with that key waits or runs, there is no second one.
    pub unique_key: Option<String>,
    /// Puts off the job that has the unique key already.
    pub debounce: Option<Debounce>,
    /// Within a day the same key of the tenant gives the same job.
    pub idempotency_key: Option<String>,
    /// What it shares a limit by.
    pub limit_key: Option<LimitKey>,
    /// How often it may be attempted; 5 where nothing is said.
    pub max_attempts: u32,
}

/// When a job may be attempted first.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Due {
    /// At once.
    #[default]
    Now,
    /// So much later than it is enqueued.
    After(Duration),
    /// Then.
    At(Timestamp),
}

/// How a later job puts off an earlier one with its unique key, which is done in its place.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Debounce {
    /// Until it has been quiet for so long.
    pub quiet: Duration,
    /// So long after the earlier one was enqueued at most.
    pub most: Duration,
}

/// A job that cannot be enqueued.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidJob {
    /// A name is none.
    #[error(transparent)]
    Name(#[from] JobNameError),
    /// What the handler is to get is no JSON.
    #[error("the payload cannot be written as JSON")]
    Payload(#[source] serde_json::Error),
    /// It is too large.
    #[error("the payload has {0} bytes and may have {MAX_PAYLOAD}")]
    PayloadTooLarge(usize),
    /// A key is empty, too long, or has a control character.
    #[error("{0} must be 1 to {MAX_KEY} bytes without control characters")]
    Key(&'static str),
    /// A job would be put off for longer than it may be.
    #[error("a job that waits for {0:?} of quiet cannot be put off for {1:?} at most")]
    Debounce(Duration, Duration),
    /// There are to be no attempts, or too many.
    #[error("a job may be given 1 to {MAX_ATTEMPTS} attempts, not {0}")]
    Attempts(u32),
}

impl NewJob {
    /// A job of the tenant's, to be done at once.
    ///
    /// # Errors
    /// [`InvalidJob`] when its kind is no name, or it is no JSON or too much of it.
    pub fn new<J: Job>(namespace: Namespace, job: &J) -> Result<Self, InvalidJob> {
        let payload = serde_json::to_string(job).map_err(InvalidJob::Payload)?;
        if payload.len() > MAX_PAYLOAD {
            return Err(InvalidJob::PayloadTooLarge(payload.len()));
        }
        Ok(Self {
            id: Uuid::now_v7(),
            namespace,
            queue: QueueName::default(),
            kind: J::kind()?,
            payload,
            plugin: None,
            source: None,
            requested_by: None,
            priority: 0,
            due: Due::Now,
            unique_key: None,
            debounce: None,
            idempotency_key: None,
            limit_key: None,
            max_attempts: 5,
        })
    }

    /// The job of one time of a schedule.
    #[cfg(feature = "schedules")]
    pub(crate) fn scheduled(schedule: &crate::schedule::Schedule, unique_key: String) -> Self {
        Self {
            id: Uuid::now_v7(),
            namespace: schedule.namespace.clone(),
            queue: schedule.queue.clone(),
            kind: schedule.kind.clone(),
            payload: schedule.payload.clone(),
            limit_key: schedule.plugin.as_ref().map(LimitKey::from),
            plugin: schedule.plugin.clone(),
            source: schedule.source.clone(),
            requested_by: Some(catalog_core::identity::Identity::system("schedule").user),
            priority: 0,
            due: Due::Now,
            unique_key: Some(unique_key),
            debounce: None,
            idempotency_key: None,
            max_attempts: schedule.max_attempts,
        }
    }

    /// In that queue.
    pub fn in_queue(mut self, queue: QueueName) -> Self {
        self.queue = queue;
        self
    }

    /// For that plugin, whose name is also what it shares a limit by.
    pub fn for_plugin(mut self, plugin: PluginName) -> Self {
        self.limit_key = Some(LimitKey::from(&plugin));
        self.plugin = Some(plugin);
        self
    }

    /// For that source.
    pub fn for_source(mut self, source: SourceId) -> Self {
        self.source = Some(source);
        self
    }

    /// Asked for by that user, of whose name so much is kept as a key may be long.
    pub fn requested_by(mut self, user: &str) -> Self {
        self.requested_by =
            Some(user.chars().filter(|letter| !letter.is_control()).take(MAX_KEY / 4).collect());
        self
    }

    /// With that priority.
    pub fn with_priority(mut self, priority: i16) -> Self {
        self.priority = priority;
        self
    }

    /// Not before then.
    pub fn due(mut self, due: Due) -> Self {
        self.due = due;
        self
    }

    /// As the only live job of the tenant with that key.
    ///
    /// # Errors
    /// [`InvalidJob::Key`].
    pub fn with_unique_key(mut self, key: impl Into<String>) -> Result<Self, InvalidJob> {
        self.unique_key = Some(key_of("a unique key", key.into())?);
        Ok(self)
    }

    /// As the only live job of the tenant with that key, once it has been quiet for so long: each further one that comes before the
    /// first is attempted puts it off, but not for longer than `most` after it was enqueued. What is done is what the first one says.
    ///
    /// # Errors
    /// [`InvalidJob::Key`], and [`InvalidJob::Debounce`] when the quiet is longer than `most`.
    pub fn debounced(
        self,
        key: impl Into<String>,
        quiet: Duration,
        most: Duration,
    ) -> Result<Self, InvalidJob> {
        if quiet > most {
            return Err(InvalidJob::Debounce(quiet, most));
        }
        let mut job = self.with_unique_key(key)?.due(Due::After(quiet));
        job.debounce = Some(Debounce { quiet, most });
        Ok(job)
    }

    /// As what that key of the tenant's names for a day.
    ///
    /// # Errors
    /// [`InvalidJob::Key`].
    pub fn with_idempotency_key(mut self, key: impl Into<String>) -> Result<Self, InvalidJob> {
        self.idempotency_key = Some(idempotency_key_of(key.into())?);
        Ok(self)
    }

    /// Sharing that limit.
    pub fn with_limit_key(mut self, key: LimitKey) -> Self {
        self.limit_key = Some(key);
        self
    }

    /// With so many attempts.
    ///
    /// # Errors
    /// [`InvalidJob::Attempts`] for none or too many.
    pub fn with_max_attempts(mut self, attempts: u32) -> Result<Self, InvalidJob> {
        check_attempts(attempts)?;
        self.max_attempts = attempts;
        Ok(self)
    }

    /// Tells what was asked for from what else one idempotency key may have been used for.
    pub(crate) fn digest(&self) -> String {
        let mut digest = Sha256::new();
        let parts = [
            self.kind.as_str(),
            self.queue.as_str(),
            self.plugin.as_ref().map_or("", PluginName::as_str),
            self.source.as_ref().map_or("", SourceId::as_str),
            &self.payload,
        ];
        for part in parts {
            digest.update(part.len().to_be_bytes());
            digest.update(part);
        }
        let bytes: [u8; 32] = digest.finalize().into();
        let half = bytes.iter().take(16).fold(0_u128, |half, byte| (half << 8) | u128::from(*byte));
        format!("{half:032x}")
    }

    /// The lane that it waits in: its tenant, and what it shares a limit by.
    pub(crate) fn lane(&self) -> String {
        lane(&self.namespace, self.limit_key.as_ref())
    }
}

/// The lane of a tenant and a limit key, which neither can hold a `/`.
pub(crate) fn lane(namespace: &Namespace, key: Option<&LimitKey>) -> String {
    format!("{namespace}/{}", key.map_or("", LimitKey::as_str))
}

pub(crate) fn check_attempts(attempts: u32) -> Result<(), InvalidJob> {
    if (1..=MAX_ATTEMPTS).contains(&attempts) { Ok(()) } else { Err(InvalidJob::Attempts(attempts)) }
}

pub(crate) fn idempotency_key_of(key: String) -> Result<String, InvalidJob> {
    key_of("an idempotency key", key)
}

fn key_of(noun: &'static str, key: String) -> Result<String, InvalidJob> {
    if key.is_empty() || key.len() > MAX_KEY || key.chars().any(char::is_control) {
        return Err(InvalidJob::Key(noun));
    }
    Ok(key)
}

/// What became of a job that was to be enqueued.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Enqueued {
    /// It was, by that id.
    New(Uuid),
    /// One with its unique key is live.
    Live(Uuid),
    /// It was enqueued before, by that idempotency key.
    Replayed(Uuid),
    /// Its idempotency key is of another job.
    Mismatched(Uuid),
}

impl Enqueued {
    /// The job's id.
    pub fn id(self) -> Uuid {
        match self {
            Self::New(id) | Self::Live(id) | Self::Replayed(id) | Self::Mismatched(id) => id,
        }
    }

    /// Whether there is a job that was not there before.
    pub fn is_new(self) -> bool {
        matches!(self, Self::New(_))
    }
}
