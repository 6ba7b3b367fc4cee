//! Connections of their own, beside the pool: for what holds a lock, must not wait behind requests, or waits for news.

use std::fmt;

use super::{
    Database, Row,
    engine::{EngineNotifications, EngineSession},
};
use crate::store::{
    StoreError,
    statement::{Dialect, Statement},
};

/// A connection that nobody else uses and that is none of the pool's. Dropped, it is closed, and with it ends what the engine holds for
/// it: its transaction, its locks.
pub struct Session {
    inner: Box<dyn EngineSession>,
}

/// What other connections tell by PostgreSQL's NOTIFY on one channel.
pub struct Notifications {
    inner: Box<dyn EngineNotifications>,
}

impl Database {
    /// Opens a connection of its own, however many the pool has.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn session(&self) -> Result<Session, StoreError> {
        Ok(Session { inner: self.engine().session().await? })
    }

    /// Listens on a channel, by a connection of its own; none where the engine brings no news.
    ///
    /// # Errors
    /// `Unavailable` when the database does not answer.
    pub async fn notifications(&self, channel: &'static str) -> Result<Option<Notifications>, StoreError> {
        let inner = self.engine().notifications(channel).await?;
        Ok(inner.map(|inner| Notifications { inner }))
    }
}

impl Session {
    /// The engine's language.
    pub fn dialect(&self) -> Dialect {
        self.inner.dialect()
    }

    /// Runs a statement, and gives its rows.
    ///
    /// # Errors
    /// By kind: `Unavailable`, `Conflict`, `Internal`. Should it be dropped before it is done, the session is of no further use.
    pub async fn fetch(&mut self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        self.inner.fetch(statement).await
    }

    /// Runs a statement, and gives the number of rows that it changed.
    ///
    /// # Errors
    /// As [`fetch`](Self::fetch).
    pub async fn execute(&mut self, statement: Statement) -> Result<u64, StoreError> {
        self.inner.execute(statement).await
    }

    /// Runs several statements of the program, without values; transactions are begun and ended by statements, too.
    ///
    /// # Errors
    /// As [`fetch`](Self::fetch).
    pub async fn execute_script(&mut self, script: &'static str) -> Result<(), StoreError> {
        self.inner.execute_script(script).await
    }

    /// Closes it, and waits until the engine knows.
    ///
    /// # Errors
    /// `Unavailable`; it is closed nevertheless.
    pub async fn close(self) -> Result<(), StoreError> {
        self.inner.close().await
    }
}

impl Notifications {
    /// Waits for the next one, and gives what it says; none when the connection was lost and made anew, and some may have been missed. It
    /// may be dropped and called again.
    ///
    /// # Errors
    /// `Unavailable` when the connection is lost and cannot be made anew.
    pub async fn next(&mut self) -> Result<Option<String>, StoreError> {
        self.inner.next().await
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({:?})", self.dialect())
    }
}

impl fmt::Debug for Notifications {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Notifications")
    }
}
