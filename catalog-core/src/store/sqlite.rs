//! SQLite: one writer and several readers on one file in WAL mode.

use std::{fs, path::Path, str::FromStr, time::Duration};

use async_trait::async_trait;
use sqlx::{
    Row as _, Sqlite, SqlitePool, TypeInfo, ValueRef,
    query::Query,
    sqlite::{
        SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow,
        SqliteSynchronous,
    },
};

use super::{
    Changes, Documents, StoreError, StoreErrorKind,
    database::{Database, DatabaseOptions, Engine, EngineTransaction, Row},
    driver::{prepare, store_error},
    listen::Listened,
    sql::Index,
    statement::{Dialect, SqlValue, Statement},
};
use crate::tenant::TenantScope;

/// How long another process may hold the write lock before a transaction gives up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// So many statements are kept prepared on a connection: one for each shape of a list that clients ask for.
const STATEMENTS: usize = 256;
/// So much of the file is mapped into memory, in bytes: 256 MiB.
const MAPPED_BYTES: &str = "268435456";

struct SqliteEngine {
    readers: SqlitePool,
    writer: SqlitePool,
}

impl Database {
    /// Opens the SQLite file of that URL, `sqlite://./catalog.db`, and makes it and its folder if they are not there.
    ///
    /// Of the options, `connections` are for reading; one more writes. Row-level security is not to be had.
    ///
    /// # Errors
    /// By kind: `Unavailable` when the file cannot be opened, `Internal` when the URL is none of a file.
    pub async fn sqlite(url: &str, database: DatabaseOptions) -> Result<Self, StoreError> {
        if database.row_level_security {
            return Err(StoreError::new(StoreErrorKind::Internal, "SQLite has no row-level security"));
        }
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
            .foreign_keys(true)
            .statement_cache_capacity(STATEMENTS)
            // pages are read where the system keeps them, and not copied
            .pragma("mmap_size", MAPPED_BYTES);
        let pool = |connections| {
            SqlitePoolOptions::new().max_connections(connections).acquire_timeout(database.acquire_timeout)
        };
        // the writer first: it makes the file
        let writer = pool(1).connect_with(options.clone()).await.map_err(store_error)?;
        let readers = pool(database.connections).connect_lazy_with(options.pragma("query_only", "on"));
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
        let rows = bind(statement).fetch_all(&self.readers).await.map_err(store_error)?;
        rows.iter().map(decode).collect()
    }

    async fn fetch_documents(&self, statement: Statement) -> Result<Documents, StoreError> {
        // The driver hands rows over from another thread, one by one, which costs more than reading them: so all come in one. The
        // rows of an inner select with a limit are aggregated in the order in which it gives them.
        let joined =
            statement.between("select count(*), group_concat(document, char(44, 10)) from (", ") as page");
        let row = bind(joined).fetch_one(&self.readers).await.map_err(store_error)?;
        let count: i64 = row.try_get(0).map_err(store_error)?;
        let text: Option<String> = row.try_get(1).map_err(store_error)?;
        let count =
            usize::try_from(count).map_err(|error| StoreError::new(StoreErrorKind::Corrupt, error))?;
        Ok(Documents::from_joined(text.unwrap_or_default(), count))
    }

    async fn begin(&self, _: Option<&TenantScope>) -> Result<Box<dyn EngineTransaction>, StoreError> {
        // a deferred transaction could find the lock taken when it first writes, after it has read what is then old
        let transaction = self.writer.begin_with("begin immediate").await.map_err(store_error)?;
        Ok(Box::new(SqliteTransaction(transaction)))
    }

    async fn create_indexes(&self, indexes: Vec<Index>) -> Result<usize, StoreError> {
        let there = sqlx::query_scalar("select name from sqlite_schema where type = 'index'");
        let there: Vec<String> = there.fetch_all(&self.readers).await.map_err(store_error)?;
        let missing: Vec<Index> = indexes.into_iter().filter(|index| !there.contains(&index.name)).collect();
        if missing.is_empty() {
            return Ok(0);
        }
        let made = missing.len();
        let mut transaction = self.begin(None).await?;
        for index in missing {
            transaction.execute(index.create).await?;
        }
        transaction.commit().await?;
        Ok(made)
    }

    async fn listen(&self, _: &Changes) -> Result<Listened, StoreError> {
        Ok(Listened::Unsupported)
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
        let rows = bind(statement).fetch_all(&mut *self.0).await.map_err(store_error)?;
        rows.iter().map(decode).collect()
    }

    async fn execute(&mut self, statement: Statement) -> Result<u64, StoreError> {
        let done = bind(statement).execute(&mut *self.0).await.map_err(store_error)?;
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

fn bind(statement: Statement) -> Query<'static, Sqlite, SqliteArguments> {
    // this engine's statements bind no lists
    prepare(statement, |query, _| query.bind(None::<String>))
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
