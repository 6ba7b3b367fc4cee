use std::{error::Error, fmt};

use catalog_core::store::{StoreError, StoreErrorKind};

/// Migrations could not be run, or found out about.
#[derive(Debug)]
pub struct MigrationError {
    kind: MigrationErrorKind,
    text: String,
    source: Option<StoreError>,
}

/// What kept them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum MigrationErrorKind {
    /// The database does not answer.
    Unavailable,
    /// Another process runs migrations, and has not ended in time.
    Locked,
    /// A step was changed after it was applied. Nothing was changed.
    Drift,
    /// A step has turned up below one that is applied. Nothing was changed.
    OutOfOrder,
    /// A step's script does not say as it must how it is run. Nothing was changed.
    Malformed,
    /// A step that runs without a transaction was begun, and what it has left cannot be repaired by itself.
    Unfinished,
    /// A pooler stands in between that gives each transaction another connection, so that nothing can be locked.
    Pooler,
    /// The database refused a statement. Of that step nothing was kept, unless it runs without a transaction.
    Failed,
}

impl MigrationError {
    pub(super) fn new(kind: MigrationErrorKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into(), source: None }
    }

    pub(super) fn with_source(mut self, source: StoreError) -> Self {
        self.source = Some(source);
        self
    }

    /// What kept them.
    pub fn kind(&self) -> MigrationErrorKind {
        self.kind
    }

    /// SQLSTATE of PostgreSQL or the result code of SQLite, where the database refused a statement.
    pub fn code(&self) -> Option<&str> {
        self.source.as_ref().and_then(StoreError::code)
    }
}

impl From<StoreError> for MigrationError {
    fn from(error: StoreError) -> Self {
        let (kind, text) = match error.kind() {
            StoreErrorKind::Unavailable => (MigrationErrorKind::Unavailable, "the database does not answer"),
            _ => (MigrationErrorKind::Failed, "the ledger of migrations cannot be read or written"),
        };
        Self::new(kind, text).with_source(error)
    }
}

impl fmt::Display for MigrationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for MigrationError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| source as &(dyn Error + 'static))
    }
}
