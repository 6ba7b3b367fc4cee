//! What leases and tokens share of a database: this crate's tables, and a connection that nothing else is asked on.

use std::sync::Arc;

use catalog_core::store::{
    Session, StoreError, StoreErrorKind,
    database::{Database, Row},
    sql::{Migration, MigrationSet},
    statement::{Dialect, Statement},
};
use tokio::sync::Mutex;

use crate::lease::{LeaseError, LeaseErrorKind};

/// This crate's tables.
pub const MIGRATIONS: MigrationSet = MigrationSet {
    owner: "ha",
    migrations: &[Migration {
        version: 1,
        name: "create leases",
        sqlite: include_str!("../migrations/sqlite/0001_create_leases.sql"),
        postgres: include_str!("../migrations/postgres/0001_create_leases.sql"),
    }],
};

/// One connection of its own, made when it is needed and made anew when it was lost. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    database: Database,
    session: Arc<Mutex<Option<Session>>>,
}

/// What nobody waits for any more is to end, too; and a holder that is gone is to be found out.
const SET_UP: &str = "set statement_timeout = '5s'; set tcp_keepalives_idle = 5; set tcp_keepalives_interval = 3; \
    set tcp_keepalives_count = 3";

impl Line {
    pub(crate) fn new(database: Database) -> Self {
        Self { database, session: Arc::default() }
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.database.dialect()
    }

    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    /// Runs one statement. Dropped before it is done it takes the connection with it: nobody knows what state that is in.
    pub(crate) async fn fetch(&self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        let mut slot = self.session.lock().await;
        let mut session = match slot.take() {
            Some(session) => session,
            None => self.open().await?,
        };
        let rows = session.fetch(statement).await;
        if !rows.as_ref().is_err_and(|error| error.kind() == StoreErrorKind::Unavailable) {
            *slot = Some(session);
        }
        rows
    }

    async fn open(&self) -> Result<Session, StoreError> {
        let mut session = self.database.session().await?;
        if session.dialect() == Dialect::Postgres {
            session.execute_script(SET_UP).await?;
        }
        Ok(session)
    }
}

/// The clock of the database as it is when a row is written, after the wait for it: in whole milliseconds.
pub(crate) fn now(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => "cast(unixepoch('subsec') * 1000 as integer)",
        Dialect::Postgres => "(extract(epoch from clock_timestamp()) * 1000)::bigint",
    }
}

impl From<StoreError> for LeaseError {
    fn from(error: StoreError) -> Self {
        let kind = match error.kind() {
            // the row is held by somebody; what the statement's own guard finds is told by its rows
            StoreErrorKind::Unavailable | StoreErrorKind::Conflict => LeaseErrorKind::Unavailable,
            StoreErrorKind::Corrupt => LeaseErrorKind::Corrupt,
            _ => LeaseErrorKind::Refused,
        };
        Self::new(kind, error)
    }
}
