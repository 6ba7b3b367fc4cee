//! What both engines share of sqlx: binding values and sorting errors.

use std::{
    borrow::Cow,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use sqlx::{
    AssertSqlSafe, Connection, Database, Encode, Executor, IntoArguments, Pool, Type, error::ErrorKind,
    query::Query,
};

use super::{
    Row,
    engine::{EngineSession, EngineTransaction},
};
use crate::store::{
    StoreError, StoreErrorKind,
    statement::{Dialect, SqlValue, Statement},
};

/// What the engines' drivers do each in its own way.
pub(super) trait Driver: Database {
    const DIALECT: Dialect;

    fn bind(statement: Statement) -> Query<'static, Self, Self::Arguments>;
    fn decode(row: &Self::Row) -> Result<Row, StoreError>;
    fn affected(done: &Self::QueryResult) -> u64;
}

/// A transaction of either engine.
pub(super) struct DriverTransaction<DB: Driver> {
    pub(super) inner: sqlx::Transaction<'static, DB>,
    /// How long each of its statements is waited for: an engine that stands still ends none by itself.
    pub(super) patience: Duration,
}

/// What is done in time, or that it is not.
pub(super) async fn in_time<T>(
    patience: Duration,
    done: impl Future<Output = sqlx::Result<T>>,
) -> sqlx::Result<T> {
    tokio::time::timeout(patience, done).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
}

#[async_trait]
impl<DB: Driver> EngineTransaction for DriverTransaction<DB>
where
    DB::Arguments: IntoArguments<DB>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    fn dialect(&self) -> Dialect {
        DB::DIALECT
    }

    async fn fetch(&mut self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        let fetch = DB::bind(statement).fetch_all(&mut *self.inner);
        let rows = in_time(self.patience, fetch).await.map_err(store_error)?;
        rows.iter().map(DB::decode).collect()
    }

    async fn execute(&mut self, statement: Statement) -> Result<u64, StoreError> {
        let execute = DB::bind(statement).execute(&mut *self.inner);
        let done = in_time(self.patience, execute).await.map_err(store_error)?;
        Ok(DB::affected(&done))
    }

    async fn execute_script(&mut self, script: &'static str) -> Result<(), StoreError> {
        let execute = sqlx::raw_sql(script).execute(&mut *self.inner);
        in_time(self.patience, execute).await.map(drop).map_err(store_error)
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        in_time(self.patience, self.inner.commit()).await.map_err(store_error)
    }

    async fn rollback(self: Box<Self>) -> Result<(), StoreError> {
        in_time(self.patience, self.inner.rollback()).await.map_err(store_error)
    }
}

/// A connection of its own to either engine.
pub(super) struct DriverSession<DB: Driver>(pub(super) DB::Connection);

#[async_trait]
impl<DB: Driver> EngineSession for DriverSession<DB>
where
    DB::Arguments: IntoArguments<DB>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    fn dialect(&self) -> Dialect {
        DB::DIALECT
    }

    async fn fetch(&mut self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        let rows = DB::bind(statement).fetch_all(&mut self.0).await.map_err(store_error)?;
        rows.iter().map(DB::decode).collect()
    }

    async fn execute(&mut self, statement: Statement) -> Result<u64, StoreError> {
        let done = DB::bind(statement).execute(&mut self.0).await.map_err(store_error)?;
        Ok(DB::affected(&done))
    }

    async fn execute_script(&mut self, script: &'static str) -> Result<(), StoreError> {
        sqlx::raw_sql(script).execute(&mut self.0).await.map(drop).map_err(store_error)
    }

    async fn close(self: Box<Self>) -> Result<(), StoreError> {
        self.0.close().await.map_err(store_error)
    }
}

/// The one place where built SQL text meets the driver: its type keeps strangers' words out of it. `bind_list` binds lists, which
/// only one engine has.
#[expect(
    clippy::disallowed_methods,
    reason = "a statement's text holds only the program's literals and field names"
)]
pub(super) fn prepare<'q, DB>(
    statement: Statement,
    bind_list: impl Fn(Query<'q, DB, DB::Arguments>, SqlValue) -> Query<'q, DB, DB::Arguments>,
) -> Query<'q, DB, DB::Arguments>
where
    DB: Database,
    for<'v> Option<String>: Encode<'v, DB> + Type<DB>,
    for<'v> Option<i64>: Encode<'v, DB> + Type<DB>,
    for<'v> Option<f64>: Encode<'v, DB> + Type<DB>,
    for<'v> Option<bool>: Encode<'v, DB> + Type<DB>,
    for<'v> Option<Vec<u8>>: Encode<'v, DB> + Type<DB>,
{
    let (text, values) = statement.into_parts();
    values.into_iter().fold(sqlx::query(AssertSqlSafe(text)), |query, value| match value {
        SqlValue::Text(text) => query.bind(text),
        SqlValue::Integer(number) => query.bind(number),
        SqlValue::Number(number) => query.bind(number),
        SqlValue::Boolean(truth) => query.bind(truth),
        SqlValue::Bytes(bytes) => query.bind(bytes),
        list @ (SqlValue::Texts(_) | SqlValue::Integers(_) | SqlValue::ByteStrings(_)) => {
            bind_list(query, list)
        }
    })
}

/// How long an engine may take to be there when it is opened, however short a request waits for a connection.
const OPENING: Duration = Duration::from_secs(2);

/// Waits for the first connection of a pool: a database that is opened may take longer than a request is to wait.
pub(super) async fn open<DB: Database>(pool: &Pool<DB>) -> Result<(), StoreError> {
    let begun = Instant::now();
    loop {
        match pool.acquire().await {
            Ok(_) => return Ok(()),
            Err(sqlx::Error::PoolTimedOut) if begun.elapsed() < OPENING => {}
            Err(error) => return Err(store_error(error)),
        }
    }
}

pub(super) fn store_error(error: sqlx::Error) -> StoreError {
    let kind = match &error {
        sqlx::Error::Database(database) => match database.kind() {
            ErrorKind::UniqueViolation | ErrorKind::ForeignKeyViolation | ErrorKind::ExclusionViolation => {
                StoreErrorKind::Conflict
            }
            _ => of_code(database.code().as_deref().unwrap_or_default()),
        },
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => StoreErrorKind::Unavailable,
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => StoreErrorKind::Corrupt,
        _ => StoreErrorKind::Internal,
    };
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code).map(Cow::into_owned);
    StoreError::new(kind, error).with_code(code)
}

/// By SQLSTATE (PostgreSQL manual, appendix A) or SQLite's extended result code, whose lowest byte is the primary one.
fn of_code(code: &str) -> StoreErrorKind {
    let serialization = ["40001", "40P01", "55P03"];
    // also a database that lets nobody in, or is not there
    let unavailable = ["08", "28", "3D", "53", "57", "25006", "25P03", "25P04", "55000"];
    if serialization.contains(&code) {
        return StoreErrorKind::Conflict;
    }
    if code.len() == 5 && unavailable.iter().any(|class| code.starts_with(class)) {
        return StoreErrorKind::Unavailable;
    }
    match code.parse::<u32>().map(|code| code & 0xff) {
        // busy, locked, read-only, input or output, full, cannot open
        Ok(5 | 6 | 8 | 10 | 13 | 14) if code.len() < 5 => StoreErrorKind::Unavailable,
        // malformed, not a database
        Ok(11 | 26) if code.len() < 5 => StoreErrorKind::Corrupt,
        _ => StoreErrorKind::Internal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_by_what_can_be_done() {
        for (code, kind) in [
            ("40001", StoreErrorKind::Conflict),
            ("57014", StoreErrorKind::Unavailable),
            ("25006", StoreErrorKind::Unavailable),
            ("25P03", StoreErrorKind::Unavailable),
            ("55000", StoreErrorKind::Unavailable),
            ("28P01", StoreErrorKind::Unavailable),
            ("55P03", StoreErrorKind::Conflict),
            ("42601", StoreErrorKind::Internal),
            ("5", StoreErrorKind::Unavailable),
            ("261", StoreErrorKind::Unavailable),
            ("11", StoreErrorKind::Corrupt),
            ("1", StoreErrorKind::Internal),
        ] {
            assert_eq!(of_code(code), kind, "{code}");
        }
    }
}
