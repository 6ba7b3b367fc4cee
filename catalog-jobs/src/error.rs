//! Why an attempt at a job failed, and what follows.

use std::{error::Error, fmt, time::Duration};

/// An attempt at a job failed.
///
/// What it says is stored with the job and shown to whoever may read it, so it must hold no secret. It is cut to 2 KiB.
#[derive(Debug)]
pub struct JobError {
    kind: JobErrorKind,
    text: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// What follows from a failure.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum JobErrorKind {
    /// Trying again may help: the job is attempted again after a while, as often as it may be.
    Transient,
    /// Trying again helps nothing: the job has failed.
    Permanent,
    /// What the job needs wants no more for so long; then the job is attempted again. The attempt does not count.
    RateLimited(Duration),
}

impl JobError {
    fn new(kind: JobErrorKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into(), source: None }
    }

    /// A failure that may pass.
    pub fn transient(text: impl Into<String>) -> Self {
        Self::new(JobErrorKind::Transient, text)
    }

    /// A failure that stays.
    pub fn permanent(text: impl Into<String>) -> Self {
        Self::new(JobErrorKind::Permanent, text)
    }

    /// A refusal for so long.
    pub fn rate_limited(after: Duration, text: impl Into<String>) -> Self {
        Self::new(JobErrorKind::RateLimited(after), text)
    }

    /// With its cause, for the log.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What follows.
    pub fn kind(&self) -> JobErrorKind {
        self.kind
    }
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for JobError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn Error + 'static))
    }
}

/// A store that does not answer, or whose change was lost to somebody faster, may do so later.
impl From<catalog_core::store::StoreError> for JobError {
    fn from(error: catalog_core::store::StoreError) -> Self {
        use catalog_core::store::StoreErrorKind;
        let kind = match error.kind() {
            StoreErrorKind::NotAdmitted | StoreErrorKind::QuotaExceeded | StoreErrorKind::ScopeTooWide => {
                JobErrorKind::Permanent
            }
            _ => JobErrorKind::Transient,
        };
        Self::new(kind, error.to_string()).with_source(error)
    }
}

/// What layers of tower fail with. A handler's own error stays what it is; any other, a timeout or a load that is shed, may pass.
impl From<Box<dyn Error + Send + Sync>> for JobError {
    fn from(error: Box<dyn Error + Send + Sync>) -> Self {
        match error.downcast::<Self>() {
            Ok(own) => *own,
            Err(other) => Self::transient(other.to_string()).with_source(other),
        }
    }
}

/// A service that cannot fail does not.
impl From<std::convert::Infallible> for JobError {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}
