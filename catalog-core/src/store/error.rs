use std::{error::Error, fmt};

/// A store could not do what it was asked to.
#[derive(Debug)]
pub struct StoreError {
    kind: StoreErrorKind,
    code: Option<String>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// What kept a store from doing it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The database does not answer, or not in time. Trying again may help.
    Unavailable,
    /// What is stored stands against it: somebody else was faster.
    Conflict,
    /// What is stored is not what the change was meant for: it has changed since, or is gone.
    Stale,
    /// What is stored cannot be read.
    Corrupt,
    /// The holder of a fence has lost it; nothing was changed.
    Fenced,
    /// The tenant may change nothing: it is suspended, being removed, or unknown.
    NotAdmitted,
    /// The tenant would have more than it may.
    QuotaExceeded,
    /// The tenant has as many jobs waiting and running as it may. When some of them are over it may have others.
    TooManyJobs,
    /// The scope holds more than one tenant, and a change is one tenant's.
    ScopeTooWide,
    /// The program and the database's schema do not fit each other.
    Schema,
    /// The program asked for what the database does not understand.
    Internal,
}

impl StoreErrorKind {
    fn text(self) -> &'static str {
        match self {
            Self::Unavailable => "the database is unavailable",
            Self::Conflict => "what is stored stands against the change",
            Self::Stale => "what is stored has changed since it was read",
            Self::Corrupt => "what is stored cannot be read",
            Self::Fenced => "the lease that the change was made under is lost",
            Self::NotAdmitted => "the namespace takes no changes",
            Self::QuotaExceeded => "the quota of the namespace is used up",
            Self::TooManyJobs => "the namespace has as many jobs as it may",
            Self::ScopeTooWide => "a change needs a scope of one tenant",
            Self::Schema => "the database's schema does not fit this program",
            Self::Internal => "the database refused a statement",
        }
    }
}

impl StoreError {
    /// With that cause.
    pub fn new(kind: StoreErrorKind, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind, code: None, source: Some(source.into()) }
    }

    /// With the engine's own code for it.
    #[cfg(feature = "_sql")]
    pub(super) fn with_code(mut self, code: Option<String>) -> Self {
        self.code = code;
        self
    }

    /// The engine's own code for it, where it gave one: SQLSTATE on PostgreSQL, the extended result code on SQLite.
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// What kept it.
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }
}

impl From<StoreErrorKind> for StoreError {
    fn from(kind: StoreErrorKind) -> Self {
        Self { kind, code: None, source: None }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.text())
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn Error + 'static))
    }
}
