//! PostgreSQL, and engines that speak as it does.

mod begin;
mod index;

use std::{str::FromStr, time::Duration};

use async_trait::async_trait;
use sqlx::{
    AssertSqlSafe, Connection, PgConnection, PgPool, Postgres, Row as _, TypeInfo, ValueRef,
    postgres::{PgArguments, PgConnectOptions, PgListener, PgPoolOptions, PgRow},
    query::Query,
};

use self::{begin::Beginning, index::create_indexes};
use super::{
    Columns, Database, DatabaseOptions, Row,
    driver::{Driver, DriverSession, DriverTransaction, in_time, open, prepare, store_error},
    engine::{Engine, EngineNotifications, EngineSession, EngineTransaction, Heard, Visitor},
};
use crate::{
    store::{
        Documents, StoreError, StoreErrorKind,
        listen::Listened,
        sql::Index,
        statement::{Dialect, SqlValue, Statement},
    },
    tenant::{ScopeView, TenantScope},
};

/// So many statements are kept prepared on a connection: one for each shape of a list that clients ask for.
const STATEMENTS: usize = 256;
/// About a page of the usual size.
const PAGE_BYTES: usize = 1 << 16;

struct PostgresEngine {
    pool: PgPool,
    row_level_security: bool,
    /// A server that stands still ends no statement, so waiting for it ends here.
    patience: Duration,
}

impl Database {
    /// Connects to the PostgreSQL database of that URL.
    ///
    /// # Errors
    /// By kind: `Unavailable` when it does not answer, `Internal` when the URL is none.
    pub async fn postgres(url: &str, options: DatabaseOptions) -> Result<Self, StoreError> {
        let connect = PgConnectOptions::from_str(url)
            .map_err(|error| StoreError::new(StoreErrorKind::Internal, error))?
            .application_name("catalog")
            .statement_cache_capacity(STATEMENTS);
        let pool = PgPoolOptions::new()
            .max_connections(options.connections)
            .acquire_timeout(options.acquire_timeout)
            // to ask each connection first whether it lives costs as much as what is asked; a dead one shows when it is used
            .test_before_acquire(false)
            .after_connect(move |connection, _| Box::pin(set_up(connection, options.statement_timeout)))
            .connect_lazy_with(connect);
        open(&pool).await?;
        Ok(Self::from_engine(PostgresEngine {
            pool,
            row_level_security: options.row_level_security,
            patience: options.acquire_timeout.saturating_add(options.statement_timeout),
        }))
    }
}

/// By statements, since a pooler in between refuses what a connection asks for when it begins.
#[expect(clippy::disallowed_methods, reason = "a number")]
async fn set_up(connection: &mut PgConnection, statement_timeout: Duration) -> sqlx::Result<()> {
    let timeout = format!("set statement_timeout = {}", statement_timeout.as_millis());
    sqlx::raw_sql(AssertSqlSafe(timeout)).execute(&mut *connection).await?;
    // A list's statement is right for every value bound to it, and to plan it anew for each costs ten times what it takes to run it:
    // each plugin's fields have indexes, and all are looked at.
    let plans = sqlx::raw_sql("set plan_cache_mode = force_generic_plan").execute(&mut *connection).await;
    match plans {
        // an engine that only speaks as PostgreSQL does may plan as it likes
        Err(sqlx::Error::Database(_)) | Ok(_) => Ok(()),
        Err(error) => Err(error),
    }
}

impl PostgresEngine {
    /// Tries in time, and once more for each connection that was there before and shows that it is dead.
    async fn repeated<T, F>(&self, attempt: impl Fn() -> F) -> Result<T, StoreError>
    where
        F: Future<Output = sqlx::Result<T>>,
    {
        let mut former = Former::of(&self.pool);
        loop {
            match in_time(self.patience, attempt()).await {
                Err(error) if former.was_dead(&error) => {}
                done => return done.map_err(store_error),
            }
        }
    }

    async fn fetch_rows(&self, statement: Statement) -> Result<Vec<PgRow>, StoreError> {
        // what only reads may be asked again
        self.repeated(|| self.try_fetch(statement.clone())).await
    }

    async fn try_fetch(&self, statement: Statement) -> sqlx::Result<Vec<PgRow>> {
        if !self.row_level_security || statement.scope().is_none() {
            return Postgres::bind(statement).fetch_all(&self.pool).await;
        }
        let mut transaction = self.try_begin(statement.scope()).await?;
        let rows = Postgres::bind(statement).fetch_all(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(rows)
    }

    async fn transaction(
        &self,
        scope: Option<&TenantScope>,
    ) -> Result<sqlx::Transaction<'static, Postgres>, StoreError> {
        self.repeated(|| self.try_begin(scope)).await
    }

    /// A transaction that, behind the second wall, sees the rows of the scope and no others.
    #[expect(clippy::disallowed_methods, reason = "the names of tenants need no quoting")]
    async fn try_begin(
        &self,
        scope: Option<&TenantScope>,
    ) -> sqlx::Result<sqlx::Transaction<'static, Postgres>> {
        // one message, and so one round trip
        let begin = match scope.filter(|_| self.row_level_security) {
            None => "begin".into(),
            Some(scope) => format!("begin; set local catalog.scope = '{}'", setting(scope)),
        };
        Beginning::of(self.pool.clone(), AssertSqlSafe(begin)).await
    }
}

/// Connections that were there before: when the server was restarted meanwhile each of them is dead, and shows it when it is used.
struct Former(u32);

impl Former {
    fn of(pool: &PgPool) -> Self {
        // one that is being given back is not counted as idle yet
        Self(pool.size())
    }

    /// Whether the error may be that of one of them; each may be so once.
    fn was_dead(&mut self, error: &sqlx::Error) -> bool {
        let may_be = matches!(error, sqlx::Error::Io(_)) && self.0 > 0;
        self.0 = self.0.saturating_sub(1);
        may_be
    }
}

/// What the policies of row-level security compare a row's tenant with.
fn setting(scope: &TenantScope) -> String {
    match scope.view() {
        ScopeView::One(namespace) => namespace.to_string(),
        ScopeView::Set(namespaces) => {
            namespaces.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
        }
        ScopeView::All => "*".into(),
    }
}

#[async_trait]
impl Engine for PostgresEngine {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    async fn fetch(&self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        self.fetch_rows(statement).await?.iter().map(Postgres::decode).collect()
    }

    async fn fetch_documents(&self, statement: Statement) -> Result<Documents, StoreError> {
        let rows = self.fetch_rows(statement).await?;
        let mut documents = Documents::with_capacity(PAGE_BYTES);
        for row in &rows {
            documents.push(row.try_get(0).map_err(store_error)?);
        }
        Ok(documents)
    }

    async fn visit(&self, statement: Statement, mut visitor: Visitor) -> Result<(), StoreError> {
        self.fetch_rows(statement).await?.iter().try_for_each(|row| visitor(row))
    }

    async fn begin(&self, scope: Option<&TenantScope>) -> Result<Box<dyn EngineTransaction>, StoreError> {
        let inner = self.transaction(scope).await?;
        Ok(Box::new(DriverTransaction { inner, patience: self.patience }))
    }

    async fn create_indexes(&self, indexes: Vec<Index>) -> Result<usize, StoreError> {
        // a connection of its own: the lock is the session's and goes with it, whatever happens
        let mut connection = self.pool.acquire().await.map_err(store_error)?.detach();
        let made = create_indexes(&mut connection, indexes).await;
        connection.close().await.map_err(store_error)?;
        made
    }

    async fn change(&self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        if self.row_level_security && statement.scope().is_some() {
            let mut transaction = self.begin(statement.scope()).await?;
            let rows = transaction.fetch(statement).await?;
            transaction.commit().await?;
            return Ok(rows);
        }
        let rows = if statement.is_repeatable() {
            self.repeated(|| Postgres::bind(statement.clone()).fetch_all(&self.pool)).await?
        } else {
            let rows = in_time(self.patience, Postgres::bind(statement).fetch_all(&self.pool));
            rows.await.map_err(store_error)?
        };
        rows.iter().map(Postgres::decode).collect()
    }

    async fn listen(&self, channel: &'static str, heard: &Heard<'_>) -> Result<Listened, StoreError> {
        let mut listener = PgListener::connect_with(&self.pool).await.map_err(store_error)?;
        listener.listen(channel).await.map_err(store_error)?;
        // whatever was told before it listened
        heard(None);
        loop {
            match listener.try_recv().await.map_err(store_error)? {
                Some(notification) => heard(Some(notification.payload())),
                // the connection was lost and will be made anew
                None => heard(None),
            }
        }
    }

    async fn session(&self) -> Result<Box<dyn EngineSession>, StoreError> {
        let connection = PgConnection::connect_with(&self.pool.connect_options()).await;
        Ok(Box::new(DriverSession::<Postgres>(connection.map_err(store_error)?)))
    }

    async fn notifications(
        &self,
        channel: &'static str,
    ) -> Result<Option<Box<dyn EngineNotifications>>, StoreError> {
        let options = PgConnectOptions::clone(&self.pool.connect_options());
        let own = PgPoolOptions::new().max_connections(1).connect_lazy_with(options);
        let mut listener = PgListener::connect_with(&own).await.map_err(store_error)?;
        listener.listen(channel).await.map_err(store_error)?;
        Ok(Some(Box::new(PostgresNotifications(listener))))
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}

struct PostgresNotifications(PgListener);

#[async_trait]
impl EngineNotifications for PostgresNotifications {
    async fn next(&mut self) -> Result<Option<String>, StoreError> {
        let next = self.0.try_recv().await.map_err(store_error)?;
        Ok(next.map(|notification| notification.payload().to_owned()))
    }
}

impl Columns for PgRow {
    fn text(&self, column: usize) -> Result<&str, StoreError> {
        self.try_get(column).map_err(store_error)
    }

    fn integer(&self, column: usize) -> Result<i64, StoreError> {
        self.try_get(column).map_err(store_error)
    }

    fn bytes(&self, column: usize) -> Result<&[u8], StoreError> {
        self.try_get(column).map_err(store_error)
    }
}

impl Driver for Postgres {
    const DIALECT: Dialect = Dialect::Postgres;

    fn bind(statement: Statement) -> Query<'static, Self, PgArguments> {
        prepare(statement, |query, list| match list {
            SqlValue::Texts(texts) => query.bind(texts),
            SqlValue::Integers(numbers) => query.bind(numbers),
            SqlValue::ByteStrings(strings) => query.bind(strings),
            // the others are bound before they come here
            SqlValue::Text(_)
            | SqlValue::Integer(_)
            | SqlValue::Number(_)
            | SqlValue::Boolean(_)
            | SqlValue::Bytes(_) => query,
        })
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

    fn affected(done: &Self::QueryResult) -> u64 {
        done.rows_affected()
    }
}
