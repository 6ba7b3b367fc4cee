//! PostgreSQL, and engines that speak as it does.

use std::{str::FromStr, time::Duration};

use async_trait::async_trait;
use sqlx::{
    PgPool, Postgres, Row as _, TypeInfo, ValueRef,
    postgres::{PgConnectOptions, PgPoolOptions, PgRow},
};

use super::{
    StoreError, StoreErrorKind,
    database::{Database, Engine, EngineTransaction, Row},
    driver::{prepare, store_error},
    statement::{Dialect, SqlValue, Statement},
};

const CONNECTIONS: u32 = 10;
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

struct PostgresEngine(PgPool);

impl Database {
    /// Connects to the PostgreSQL database of that URL.
    ///
    /// # Errors
    /// By kind: `Unavailable` when it does not answer, `Internal` when the URL is none.
    pub async fn postgres(url: &str) -> Result<Self, StoreError> {
        let options = PgConnectOptions::from_str(url)
            .map_err(|error| StoreError::new(StoreErrorKind::Internal, error))?;
        let pool = PgPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(ACQUIRE_TIMEOUT);
        let pool = pool.connect_with(options).await.map_err(store_error)?;
        Ok(Self::from_engine(PostgresEngine(pool)))
    }
}

#[async_trait]
impl Engine for PostgresEngine {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    async fn fetch(&self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        let rows = prepare::<Postgres>(statement).fetch_all(&self.0).await.map_err(store_error)?;
        rows.iter().map(decode).collect()
    }

    async fn begin(&self) -> Result<Box<dyn EngineTransaction>, StoreError> {
        let transaction = self.0.begin().await.map_err(store_error)?;
        Ok(Box::new(PostgresTransaction(transaction)))
    }

    async fn close(&self) {
        self.0.close().await;
    }
}

struct PostgresTransaction(sqlx::Transaction<'static, Postgres>);

#[async_trait]
impl EngineTransaction for PostgresTransaction {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    async fn fetch(&mut self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        let rows = prepare::<Postgres>(statement).fetch_all(&mut *self.0).await.map_err(store_error)?;
        rows.iter().map(decode).collect()
    }

    async fn execute(&mut self, statement: Statement) -> Result<u64, StoreError> {
        let done = prepare::<Postgres>(statement).execute(&mut *self.0).await.map_err(store_error)?;
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

fn decode(row: &PgRow) -> Result<Row, StoreError> {
    let column = |index: usize| -> Result<SqlValue, sqlx::Error> {
        let raw = row.try_get_raw(index)?;
        Ok(match raw.type_info().name() {
            "INT8" => SqlValue::Integer(row.try_get(index)?),
            "INT4" => SqlValue::Integer(row.try_get::<Option<i32>, _>(index)?.map(i64::from)),
            "FLOAT8" => SqlValue::Number(row.try_get(index)?),
            "BOOL" => SqlValue::Boolean(row.try_get(index)?),
            "BYTEA" => SqlValue::Bytes(row.try_get(index)?),
            _ => SqlValue::Text(row.try_get(index)?),
        })
    };
    (0..row.len()).map(column).collect::<Result<_, _>>().map(Row::new).map_err(store_error)
}
