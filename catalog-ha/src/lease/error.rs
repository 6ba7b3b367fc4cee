use std::{error::Error, fmt, time::Duration};

/// A store of leases could not do what it was asked to.
#[derive(Debug)]
pub struct LeaseError {
    kind: LeaseErrorKind,
    retry_after: Option<Duration>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// What kept a store from doing it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum LeaseErrorKind {
    /// Another version stands there than the one that was to be replaced. Nothing was changed.
    Conflict,
    /// The store does not answer, not in time, or not now. What was asked for may have been done.
    Unavailable,
    /// The store will not: the identity lacks the right, or the question is none. Nothing was changed.
    Refused,
    /// What stands there cannot be read.
    Corrupt,
}

impl LeaseErrorKind {
    fn text(self) -> &'static str {
        match self {
            Self::Conflict => "the lease was changed meanwhile",
            Self::Unavailable => "the store of leases is unavailable",
            Self::Refused => "the store of leases refuses",
            Self::Corrupt => "the stored lease cannot be read",
        }
    }
}

impl LeaseError {
    /// With that cause.
    pub fn new(kind: LeaseErrorKind, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind, retry_after: None, source: Some(source.into()) }
    }

    /// With the time after which the store wants to be asked again.
    #[must_use]
    pub fn with_retry_after(mut self, retry_after: Option<Duration>) -> Self {
        self.retry_after = retry_after;
        self
    }

    /// What kept it.
    pub fn kind(&self) -> LeaseErrorKind {
        self.kind
    }

    /// When the store wants to be asked again, where it has said so.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}

impl From<LeaseErrorKind> for LeaseError {
    fn from(kind: LeaseErrorKind) -> Self {
        Self { kind, retry_after: None, source: None }
    }
}

impl fmt::Display for LeaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.text())
    }
}

impl Error for LeaseError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn Error + 'static))
    }
}
