//! Jobs on SQLite and PostgreSQL.

mod claim;
mod enqueue;
mod finish;
mod found;
mod insert;
mod look;
mod lookup;
mod notify;
mod pick;
mod record;
mod rows;
#[cfg(feature = "schedules")]
mod schedule;
mod settle;
mod upkeep;

use std::sync::Arc;

use catalog_core::{
    clock::{Clock, Timestamp},
    store::{
        StoreError, StoreErrorKind,
        database::{Database, Transaction},
        hook::Admission,
        sql::{Migration, MigrationSet},
        statement::{Dialect, Statement},
    },
};
use uuid::Uuid;

use self::notify::Notifier;
use super::room::Room;
use crate::wake::Wakes;

pub use self::settle::SqlFence;

/// This crate's tables.
pub const MIGRATIONS: MigrationSet = MigrationSet {
    owner: "jobs",
    migrations: &[Migration {
        version: 1,
        name: "create jobs",
        sqlite: include_str!("../../../migrations/sqlite/0001_create_jobs.sql"),
        postgres: include_str!("../../../migrations/postgres/0001_create_jobs.sql"),
    }],
};

/// Those of them that hold what is a tenant's, for [`secure_rows`](catalog_core::store::sql::secure_rows).
pub const TENANT_TABLES: &[&str] = &["catalog_jobs_live", "catalog_jobs_records", "catalog_jobs_schedules"];

/// Jobs in a SQL database. What somebody changes is told to the recorder `R` in the change's own transaction. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SqlJobStore<R> {
    database: Database,
    recorder: Arc<R>,
    wakes: Wakes,
    room: Room,
    notifier: Notifier,
    /// None is the database's own, which all replicas share.
    clock: Option<Arc<dyn Clock>>,
    /// None admits all.
    admission: Option<Arc<dyn Admission<Transaction>>>,
}

impl<R> SqlJobStore<R> {
    /// In that database, which has been [migrated](MIGRATIONS).
    pub fn new(database: Database, recorder: R) -> Self {
        let (recorder, notifier) = (Arc::new(recorder), Notifier::new(database.clone()));
        Self {
            database,
            recorder,
            wakes: Wakes::default(),
            room: Room::default(),
            notifier,
            clock: None,
            admission: None,
        }
    }

    /// With what says who may have jobs, and how many.
    #[must_use]
    pub fn with_admission(mut self, admission: Arc<dyn Admission<Transaction>>) -> Self {
        self.admission = Some(admission);
        self
    }

    /// With another clock than the database's: for tests, for replicas' clocks differ.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// The database.
    pub fn database(&self) -> &Database {
        &self.database
    }

    fn statement(&self) -> Statement {
        Statement::new(self.database.dialect())
    }

    /// Appends the time now, in milliseconds: the same in all of a statement, so that an index can be asked with it.
    fn push_now<'a>(&self, statement: &'a mut Statement) -> &'a mut Statement {
        push_now(self.clock.as_deref(), statement)
    }
}

/// Appends the time of that clock, or of the database's.
fn push_now<'a>(clock: Option<&dyn Clock>, statement: &'a mut Statement) -> &'a mut Statement {
    match (clock, statement.dialect()) {
        (Some(clock), Dialect::Sqlite) => statement.bind(clock.now().unix_ms()),
        (Some(clock), Dialect::Postgres) => statement.bind(clock.now().unix_ms()).push("::bigint"),
        (None, Dialect::Sqlite) => {
            statement.push("(select cast(round((julianday('now') - 2440587.5) * 86400000) as integer))")
        }
        (None, Dialect::Postgres) => {
            statement.push("(select (extract(epoch from clock_timestamp()) * 1000)::bigint)")
        }
    }
}

/// Appends what makes PostgreSQL lock rows and pass over those that others have; SQLite has one writer.
fn push_skip_locked(statement: &mut Statement) -> &mut Statement {
    match statement.dialect() {
        Dialect::Sqlite => statement,
        Dialect::Postgres => statement.push(" for update skip locked"),
    }
}

/// Binds an id and appends its placeholder.
fn bind_id(statement: &mut Statement, id: Uuid) -> &mut Statement {
    statement.bind(id.to_string());
    match statement.dialect() {
        Dialect::Sqlite => statement,
        Dialect::Postgres => statement.push("::text::uuid"),
    }
}

/// Binds a span in milliseconds and appends its placeholder.
fn bind_ms(statement: &mut Statement, span: std::time::Duration) -> &mut Statement {
    statement.bind(ms(span));
    match statement.dialect() {
        Dialect::Sqlite => statement,
        Dialect::Postgres => statement.push("::bigint"),
    }
}

/// Appends an id as text.
fn push_id<'a>(statement: &'a mut Statement, column: &'static str) -> &'a mut Statement {
    statement.push(column);
    match statement.dialect() {
        Dialect::Sqlite => statement,
        Dialect::Postgres => statement.push("::text"),
    }
}

fn corrupt(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, error)
}

fn id(text: &str) -> Result<Uuid, StoreError> {
    text.parse().map_err(corrupt)
}

fn timestamp(ms: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_unix_ms(ms).map_err(corrupt)
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn ms(span: std::time::Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX / 4).min(i64::MAX / 4)
}

fn count(number: i64) -> u32 {
    u32::try_from(number).unwrap_or_default()
}
