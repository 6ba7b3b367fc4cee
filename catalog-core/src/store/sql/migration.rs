//! Bringing a database's schema to what the program needs.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::{
    clock::{Clock, SystemClock},
    store::{
        StoreError, StoreErrorKind,
        database::{Database, Transaction},
        statement::{Dialect, Statement},
    },
};

/// One step of a schema. Once published it is never changed.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// Its number; 1 is the first.
    pub version: i64,
    /// What it does.
    pub name: &'static str,
    /// Its statements, for SQLite.
    pub sqlite: &'static str,
    /// Its statements, for PostgreSQL.
    pub postgres: &'static str,
}

/// The steps of one crate's tables, in order.
#[derive(Clone, Copy, Debug)]
pub struct MigrationSet {
    /// Whose tables: `core`.
    pub owner: &'static str,
    /// The steps.
    pub migrations: &'static [Migration],
}

impl MigrationSet {
    /// The newest version.
    pub fn newest(&self) -> i64 {
        self.migrations.last().map_or(0, |last| last.version)
    }
}

/// This crate's tables.
pub const MIGRATIONS: MigrationSet = MigrationSet {
    owner: "core",
    migrations: &[
        Migration {
            version: 1,
            name: "create catalog",
            sqlite: include_str!("../../../migrations/sqlite/0001_create_catalog.sql"),
            postgres: include_str!("../../../migrations/postgres/0001_create_catalog.sql"),
        },
        Migration {
            version: 2,
            name: "count usage",
            sqlite: include_str!("../../../migrations/sqlite/0002_count_usage.sql"),
            postgres: include_str!("../../../migrations/postgres/0002_count_usage.sql"),
        },
    ],
};

/// What a run of migrations did.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Migrated {
    /// The schema's version now.
    pub version: i64,
    /// How many steps were taken to get there.
    pub applied: usize,
}

const CREATE_TABLE: &str = "create table if not exists catalog_core_migrations (
    owner text not null, version bigint not null, name text not null, checksum text not null, applied_at text not null,
    primary key (owner, version))";

/// The key of PostgreSQL's lock, which SQLite's transaction brings by itself: the letters `catalog`.
const LOCK: &str = "select pg_advisory_xact_lock(27973517206938983)";

/// Brings the tables of `set` to their newest version: all steps that are missing in one transaction, under a lock, so that of
/// several programs that start together one does it and the others find it done.
///
/// # Errors
/// By kind: `Schema` when the database is newer than the program or a step was changed after it was applied, `Unavailable` when
/// the lock did not come in time. Nothing was changed then.
pub async fn migrate(database: &Database, set: MigrationSet) -> Result<Migrated, StoreError> {
    let mut transaction = database.begin().await?;
    if transaction.dialect() == Dialect::Postgres {
        transaction.execute_script(LOCK).await?;
    }
    transaction.execute_script(CREATE_TABLE).await?;
    let applied = applied(&mut transaction, set.owner).await?;
    let newest = set.newest();
    if let Some((version, _)) = applied.iter().find(|(version, _)| *version > newest) {
        return Err(schema(format!(
            "the database is at version {version}, the program knows up to {newest}"
        )));
    }
    let mut done = Migrated { version: newest, applied: 0 };
    for migration in set.migrations {
        let script = match transaction.dialect() {
            Dialect::Sqlite => migration.sqlite,
            Dialect::Postgres => migration.postgres,
        };
        let checksum = checksum(script);
        match applied.iter().find(|(version, _)| *version == migration.version) {
            Some((_, known)) if *known == checksum => {}
            Some(_) => {
                return Err(schema(format!(
                    "version {} was changed after it was applied",
                    migration.version
                )));
            }
            None => {
                transaction.execute_script(script).await?;
                transaction.execute(note(transaction.dialect(), set.owner, migration, checksum)).await?;
                done.applied += 1;
            }
        }
    }
    transaction.commit().await?;
    Ok(done)
}

fn note(dialect: Dialect, owner: &str, migration: &Migration, checksum: String) -> Statement {
    let mut statement = Statement::new(dialect);
    statement
        .push("insert into catalog_core_migrations (owner, version, name, checksum, applied_at) values (");
    statement.bind(owner).push(", ").bind(migration.version).push(", ").bind(migration.name).push(", ");
    statement.bind(checksum).push(", ").bind(SystemClock.now().to_string()).push(")");
    statement
}

async fn applied(transaction: &mut Transaction, owner: &str) -> Result<Vec<(i64, String)>, StoreError> {
    let mut statement = Statement::new(transaction.dialect());
    statement.push("select version, checksum from catalog_core_migrations where owner = ").bind(owner);
    let rows = transaction.fetch(statement).await?;
    rows.into_iter().map(|mut row| Ok((row.integer(0)?, row.text(1)?))).collect()
}

fn schema(message: String) -> StoreError {
    StoreError::new(StoreErrorKind::Schema, message)
}

fn checksum(script: &str) -> String {
    Sha256::digest(script).iter().fold(String::new(), |mut text, byte| {
        // writing to a string cannot fail
        let _ = write!(text, "{byte:02x}");
        text
    })
}
