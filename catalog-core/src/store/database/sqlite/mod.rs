//! SQLite: one writer and several readers on one file in WAL mode.

mod reader;

use std::{fs, path::Path, str::FromStr, time::Duration};

use async_trait::async_trait;
use sqlx::{
    ConnectOptions, Connection as _, Row as _, Sqlite, SqlitePool, TypeInfo, ValueRef,
    query::Query,
    sqlite::{
        SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow,
        SqliteSynchronous,
    },
};

use self::reader::Readers;
use super::{
    Database, DatabaseOptions, Row,
    driver::{Driver, DriverSession, DriverTransaction, open, prepare, store_error},
    engine::{Engine, EngineNotifications, EngineSession, EngineTransaction, Heard, Visitor},
};
use crate::{
    store::{
        Documents, StoreError, StoreErrorKind,
        listen::Listened,
        sql::Index,
        statement::{Dialect, SqlValue, Statement},
    },
    tenant::TenantScope,
};

/// How long another process may hold the write lock before a transaction gives up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// So many statements are kept prepared on a connection: one for each shape of a list that clients ask for.
const STATEMENTS: usize = 256;
/// So much of the file is mapped into memory, in bytes, so that pages are read where the system keeps them and not copied: 256 MiB.
const MAPPED_BYTES: i64 = 268_435_456;

struct SqliteEngine {
    readers: Readers,
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
        let file = options.get_filename();
        // by its parsed name: a URL may be without one, or write it with escapes
        if file.as_os_str().is_empty() {
            return Err(StoreError::new(StoreErrorKind::Internal, "the URL names no file"));
        }
        if is_in_memory(file) || url.contains("mode=memory") {
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
        let file = options.get_filename().to_owned();
        // the writer first: it makes the file
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(database.acquire_timeout)
            // a full disk ends a transaction without the driver, which would go on believing in it and begin no other
            .before_acquire(|connection, _| {
                Box::pin(std::future::ready(Ok(!connection.is_in_transaction())))
            });
        let writer = writer.connect_lazy_with(options);
        open(&writer).await?;
        let readers = Readers::open(&file, database)?;
        Ok(Self::from_engine(SqliteEngine { readers, writer }))
    }
}

/// Whether SQLite takes the name for a database in memory; the driver names those that it makes so by itself.
fn is_in_memory(file: &Path) -> bool {
    let name = file.to_string_lossy();
    name == ":memory:" || name.starts_with("file:")
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
        self.readers.fetch(statement).await
    }

    async fn fetch_documents(&self, statement: Statement) -> Result<Documents, StoreError> {
        self.readers.documents(statement).await
    }

    async fn visit(&self, statement: Statement, visitor: Visitor) -> Result<(), StoreError> {
        self.readers.visit(statement, visitor).await
    }

    async fn begin(&self, _: Option<&TenantScope>) -> Result<Box<dyn EngineTransaction>, StoreError> {
        // a deferred transaction could find the lock taken when it first writes, after it has read what is then old
        let transaction = self.writer.begin_with("begin immediate").await.map_err(store_error)?;
        // what the engine waits for is limited by the engine, and its disk stands still for all
        Ok(Box::new(DriverTransaction { inner: transaction, patience: Duration::MAX }))
    }

    async fn create_indexes(&self, indexes: Vec<Index>) -> Result<usize, StoreError> {
        let there = sqlx::query_scalar("select name from sqlite_schema where type = 'index'");
        let there: Vec<String> = there.fetch_all(&self.writer).await.map_err(store_error)?;
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

    async fn change(&self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        let mut transaction = self.begin(None).await?;
        let rows = transaction.fetch(statement).await?;
        transaction.commit().await?;
        Ok(rows)
    }

    async fn listen(&self, _: &'static str, _: &Heard<'_>) -> Result<Listened, StoreError> {
        Ok(Listened::Unsupported)
    }

    async fn session(&self) -> Result<Box<dyn EngineSession>, StoreError> {
        let connection = self.writer.connect_options().connect().await.map_err(store_error)?;
        Ok(Box::new(DriverSession::<Sqlite>(connection)))
    }

    async fn notifications(
        &self,
        _: &'static str,
    ) -> Result<Option<Box<dyn EngineNotifications>>, StoreError> {
        Ok(None)
    }

    async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

impl Driver for Sqlite {
    const DIALECT: Dialect = Dialect::Sqlite;

    fn bind(statement: Statement) -> Query<'static, Self, SqliteArguments> {
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

    fn affected(done: &Self::QueryResult) -> u64 {
        done.rows_affected()
    }
}
