//! SQLite: one writer and several readers on one file in WAL mode.

use std::{fs, path::Path, str::FromStr, time::Duration};

use async_trait::async_trait;
use sqlx::{
    Row as _, Sqlite, SqlitePool, TypeInfo, ValueRef,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous},
};

use super::{
    StoreError, StoreErrorKind,
    database::{Database, Engine, EngineTransaction, Row},
    driver::{prepare, store_error},
    statement::{Dialect, SqlValue, Statement},
};

const READERS: u32 = 4;
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long another process may hold the write lock before a transaction gives up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

struct SqliteEngine {
    readers: SqlitePool,
    writer: SqlitePool,
}

impl Database {
    /// Opens the SQLite file of that URL, `sqlite://./catalog.db`, and makes it and its folder if they are not there.
    ///
    /// # Errors
    /// By kind: `Unavailable` when the file cannot be opened, `Internal` when the URL is none of a file.
    pub async fn sqlite(url: &str) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::from_str(url)
            .map_err(|error| StoreError::new(StoreErrorKind::Internal, error))?;
        if !url.starts_with("sqlite:") {
            return Err(StoreError::new(StoreErrorKind::Internal, "the URL does not begin with `sqlite:`"));
        }
        if url.contains(":memory:") || url.contains("mode=memory") {
            return Err(StoreError::new(
                StoreErrorKind::Internal,
                "a database in memory would be another one for each connection",
            ));
        }
        if let Some(folder) = options.get_filename().parent().filter(|folder| !folder.as_os_str().is_empty())
        {
            make_private_folder(folder)
                .map_err(|error| StoreError::new(StoreErrorKind::Unavailable, error))?;
        }
        let options = options
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(BUSY_TIMEOUT)
            .foreign_keys(true);
        let pool = |connections| {
            SqlitePoolOptions::new().max_connections(connections).acquire_timeout(ACQUIRE_TIMEOUT)
        };
        // the writer first: it makes the file
        let writer = pool(1).connect_with(options.clone()).await.map_err(store_error)?;
        let readers = pool(READERS).connect_lazy_with(options.pragma("query_only", "on"));
        Ok(Self::from_engine(SqliteEngine { readers, writer }))
    }
}

fn make_private_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[async_trait]
impl Engine for SqliteEngine {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    async fn fetch(&self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        let rows = prepare::<Sqlite>(statement).fetch_all(&self.readers).await.map_err(store_error)?;
        rows.iter().map(decode).collect()
    }

    async fn begin(&self) -> Result<Box<dyn EngineTransaction>, StoreError> {
        // a deferred transaction could find the lock taken when it first writes, after it has read what is then old
        let transaction = self.writer.begin_with("begin immediate").await.map_err(store_error)?;
        Ok(Box::new(SqliteTransaction(transaction)))
    }

    async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

struct SqliteTransaction(sqlx::Transaction<'static, Sqlite>);

#[async_trait]
impl EngineTransaction for SqliteTransaction {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    async fn fetch(&mut self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        let rows = prepare::<Sqlite>(statement).fetch_all(&mut *self.0).await.map_err(store_error)?;
        rows.iter().map(decode).collect()
    }

    async fn execute(&mut self, statement: Statement) -> Result<u64, StoreError> {
        let done = prepare::<Sqlite>(statement).execute(&mut *self.0).await.map_err(store_error)?;
        Ok(done.rows_affected())
    }

    async fn execute_script(&mut self, script: &'static str) -> Result<(), StoreError> {
        sqlx::raw_sql(script).execute(&mut *self.0).await.map(drop).map_err(store_error)
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        self.0.commit().await.map_err(store_error)
    }

    async fn rollback(self: Box<Self>) -> Result<(), StoreError> {
        self.0.rollback().await.map_err(store_error)
    }
}

fn decode(row: &SqliteRow) -> Result<Row, StoreError> {
    let column = |index: usize| -> Result<SqlValue, sqlx::Error> {
        let raw = row.try_get_raw(index)?;
        Ok(match raw.type_info().name() {
            "INTEGER" | "BOOLEAN" => SqlValue::Integer(row.try_get(index)?),
            "REAL" => SqlValue::Number(row.try_get(index)?),
            "BLOB" => SqlValue::Bytes(row.try_get(index)?),
            "NULL" => SqlValue::Text(None),
            _ => SqlValue::Text(row.try_get(index)?),
        })
    };
    (0..row.len()).map(column).collect::<Result<_, _>>().map(Row::new).map_err(store_error)
}
