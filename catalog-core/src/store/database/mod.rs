//! The one place where the two engines meet: a pool, a transaction, rows.

#[cfg(feature = "_sql")]
mod driver;
mod engine;
#[cfg(feature = "postgres")]
mod postgres;
mod row;
mod session;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::{
    Documents, StoreError,
    sql::Index,
    statement::{Dialect, Statement},
};
use crate::tenant::TenantScope;

use self::engine::{Engine, EngineTransaction};
pub use self::{
    row::{Columns, Row},
    session::{Notifications, Session},
};

/// How a [`Database`] is connected to.
#[derive(Clone, Copy, Debug)]
pub struct DatabaseOptions {
    /// So many connections at most.
    pub connections: u32,
    /// How long a request waits for one of them before it is refused.
    pub acquire_timeout: Duration,
    /// How long a statement may take before it is ended; on SQLite only those that read are timed.
    pub statement_timeout: Duration,
    /// Every transaction says which tenants it is for, so that the policies that
    /// [`secure_rows`](super::sql::secure_rows) makes let it see no others. Only for PostgreSQL, and only of use when the
    /// connection's user is no superuser.
    pub row_level_security: bool,
}

impl Default for DatabaseOptions {
    /// 10 connections, 5 s, 10 s, without row-level security.
    fn default() -> Self {
        Self {
            connections: 10,
            acquire_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(10),
            row_level_security: false,
        }
    }
}

/// A pool of connections to one engine. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    engine: Arc<dyn Engine>,
}

/// A transaction that changes something. Dropped without [`commit`](Self::commit) it is rolled back.
pub struct Transaction {
    inner: Box<dyn EngineTransaction>,
    /// What is to be done once it is committed.
    then: Vec<Box<dyn FnOnce() + Send>>,
}

impl Database {
    #[cfg_attr(
        not(any(feature = "sqlite", feature = "postgres")),
        expect(dead_code, reason = "without an engine")
    )]
    pub(super) fn from_engine(engine: impl Engine + 'static) -> Self {
        Self { engine: Arc::new(engine) }
    }

    /// The engine's language.
    pub fn dialect(&self) -> Dialect {
        self.engine.dialect()
    }

    /// Reads.
    ///
    /// # Errors
    /// By kind: `Unavailable` when no connection came in time, `Internal`.
    pub async fn fetch(&self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        self.engine.fetch(statement).await
    }

    /// Reads the texts of a statement's one column, `document`: the fast way to a page of a list.
    ///
    /// # Errors
    /// By kind: `Unavailable` when no connection came in time, `Corrupt`, `Internal`.
    pub async fn fetch_documents(&self, statement: Statement) -> Result<Documents, StoreError> {
        self.engine.fetch_documents(statement).await
    }

    /// Reads many rows of which little is kept: `read` makes that of each, where the engine has it.
    ///
    /// # Errors
    /// By kind: `Unavailable` when no connection came in time, `Internal`; or what `read` says.
    pub async fn fetch_as<T: Send + 'static>(
        &self,
        statement: Statement,
        read: impl Fn(&dyn Columns) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<Vec<T>, StoreError> {
        let all = Arc::new(Mutex::new(Vec::new()));
        let rows = Arc::clone(&all);
        let visitor = move |row: &dyn Columns| {
            rows.lock().unwrap_or_else(PoisonError::into_inner).push(read(row)?);
            Ok(())
        };
        self.engine.visit(statement, Box::new(visitor)).await?;
        Ok(std::mem::take(&mut *all.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Runs one statement that changes something, in a transaction of its own, and gives the rows that it returns: in one round trip
    /// where the engine commits by itself.
    ///
    /// # Errors
    /// By kind: `Unavailable`, `Conflict`, `Internal`; nothing was changed then, unless the connection broke while the answer was
    /// under way.
    pub async fn change(&self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        self.engine.change(statement).await
    }

    /// As [`change`](Self::change), for what concerns all tenants and answers no request.
    ///
    /// # Errors
    /// Those of [`change`](Self::change).
    pub async fn change_any_tenant(&self, mut statement: Statement) -> Result<Vec<Row>, StoreError> {
        statement.within(&TenantScope::all());
        self.change(statement).await
    }

    /// Begins a transaction that will change what is nobody's. On SQLite it has the write lock from here on.
    ///
    /// # Errors
    /// By kind: `Unavailable` when no connection or lock came in time.
    pub async fn begin(&self) -> Result<Transaction, StoreError> {
        Ok(Transaction { inner: self.engine.begin(None).await?, then: Vec::new() })
    }

    /// Begins a transaction that will change something within the scope; where row-level security is switched on, it sees nothing
    /// else.
    ///
    /// # Errors
    /// By kind: `Unavailable` when no connection or lock came in time.
    pub async fn begin_within(&self, scope: &TenantScope) -> Result<Transaction, StoreError> {
        Ok(Transaction { inner: self.engine.begin(Some(scope)).await?, then: Vec::new() })
    }

    /// As [`begin`](Self::begin), for what concerns all tenants and answers no request: where row-level security is switched on,
    /// the transaction sees the rows of each.
    ///
    /// # Errors
    /// By kind: `Unavailable` when no connection or lock came in time.
    pub async fn begin_any_tenant(&self) -> Result<Transaction, StoreError> {
        self.begin_within(&TenantScope::all()).await
    }

    /// As [`fetch`](Self::fetch), likewise.
    ///
    /// # Errors
    /// Those of [`fetch`](Self::fetch).
    pub async fn fetch_any_tenant(&self, mut statement: Statement) -> Result<Vec<Row>, StoreError> {
        statement.within(&TenantScope::all());
        self.fetch(statement).await
    }

    pub(super) async fn create_indexes(&self, indexes: Vec<Index>) -> Result<usize, StoreError> {
        self.engine.create_indexes(indexes).await
    }

    pub(super) fn engine(&self) -> &dyn Engine {
        &*self.engine
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// `Unavailable` when it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let mut statement = Statement::new(self.dialect());
        statement.push("select 1");
        self.fetch(statement).await.map(drop)
    }

    /// Closes every connection; whatever is asked later fails.
    pub async fn close(&self) {
        self.engine.close().await;
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Database({:?})", self.dialect())
    }
}

impl Transaction {
    /// The engine's language.
    pub fn dialect(&self) -> Dialect {
        self.inner.dialect()
    }

    /// Reads, within the transaction.
    ///
    /// # Errors
    /// By kind: `Unavailable`, `Conflict`, `Internal`.
    pub async fn fetch(&mut self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        self.inner.fetch(statement).await
    }

    /// Changes, and gives the number of rows that were.
    ///
    /// # Errors
    /// By kind: `Unavailable`, `Conflict`, `Internal`.
    pub async fn execute(&mut self, statement: Statement) -> Result<u64, StoreError> {
        self.inner.execute(statement).await
    }

    /// Runs several statements of the program, without values.
    ///
    /// # Errors
    /// By kind: `Unavailable`, `Conflict`, `Internal`.
    pub async fn execute_script(&mut self, script: &'static str) -> Result<(), StoreError> {
        self.inner.execute_script(script).await
    }

    /// Marks a point to go back to. Points nest: the last one that was neither released nor gone back to is meant.
    ///
    /// # Errors
    /// By kind: `Unavailable`, `Internal`.
    pub async fn savepoint(&mut self) -> Result<(), StoreError> {
        self.inner.execute_script("savepoint catalog").await
    }

    /// Undoes what came after the last [`savepoint`](Self::savepoint), and forgets that point.
    ///
    /// # Errors
    /// By kind: `Unavailable`, `Internal` when there is none.
    pub async fn rollback_to_savepoint(&mut self) -> Result<(), StoreError> {
        self.inner.execute_script("rollback to savepoint catalog; release savepoint catalog").await
    }

    /// Keeps what came after the last [`savepoint`](Self::savepoint), and forgets that point.
    ///
    /// # Errors
    /// By kind: `Unavailable`, `Internal` when there is none.
    pub async fn release_savepoint(&mut self) -> Result<(), StoreError> {
        self.inner.execute_script("release savepoint catalog").await
    }

    /// Has `then` be called once the transaction is committed; not if it is rolled back. It must not wait.
    pub fn after_commit(&mut self, then: impl FnOnce() + Send + 'static) {
        self.then.push(Box::new(then));
    }

    /// Makes all of it true at once.
    ///
    /// # Errors
    /// By kind: `Unavailable`, `Conflict`; nothing was changed then, unless the connection broke while the answer was under way.
    pub async fn commit(self) -> Result<(), StoreError> {
        self.inner.commit().await?;
        for then in self.then {
            then();
        }
        Ok(())
    }

    /// Undoes all of it, and waits until that is done.
    ///
    /// # Errors
    /// `Unavailable`; the engine undoes it then by itself.
    pub async fn rollback(self) -> Result<(), StoreError> {
        self.inner.rollback().await
    }
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Transaction({:?})", self.dialect())
    }
}
