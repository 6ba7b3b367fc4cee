//! Bringing a database's schema to what the program needs.

pub mod ledger;

use std::fmt::Write;

use sha2::{Digest, Sha256};

use self::ledger::Entry;
use crate::store::{
    StoreError, StoreErrorKind,
    database::{Database, Transaction},
    statement::{Dialect, Statement},
};

/// One step of a schema. Once published it is never changed.
///
/// What a runner has to know beyond the statements stands in comments at the head of the script, each in a line of its own:
/// `-- migration: contract` where the release before this one cannot work with the schema any more (without it, it can),
/// `-- migration: no-transaction` where a statement refuses to run in one, such as `create index concurrently`, and
/// `-- migration: backfill TABLE by KEY` where the one statement is made again and again, for a few rows at a time.
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

/// Whether the release before a migration can work with what it leaves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MigrationKind {
    /// It can: something was added.
    Expand,
    /// It cannot: something was taken away, or means something else.
    Contract,
}

impl MigrationKind {
    /// As the ledger writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Expand => "expand",
            Self::Contract => "contract",
        }
    }
}

impl Migration {
    /// Its statements.
    pub fn script(&self, dialect: Dialect) -> &'static str {
        match dialect {
            Dialect::Sqlite => self.sqlite,
            Dialect::Postgres => self.postgres,
        }
    }

    /// Whether the release before it can work with what it leaves.
    pub fn kind(&self, dialect: Dialect) -> MigrationKind {
        if self.says(dialect, "contract") { MigrationKind::Contract } else { MigrationKind::Expand }
    }

    /// Whether it can be undone as a whole until it is done.
    pub fn is_in_transaction(&self, dialect: Dialect) -> bool {
        !self.says(dialect, "no-transaction") && !self.head(dialect).any(|said| said.starts_with("backfill"))
    }

    /// What the head of its script says of how it is run.
    pub fn head(&self, dialect: Dialect) -> impl Iterator<Item = &'static str> {
        let head =
            self.script(dialect).lines().take_while(|line| line.starts_with("--") || line.trim().is_empty());
        head.filter_map(|line| line.strip_prefix("-- migration:")).map(str::trim)
    }

    /// Its statements' SHA-256 in hexadecimal; how their lines end makes no difference.
    pub fn checksum(&self, dialect: Dialect) -> String {
        checksum(self.script(dialect))
    }

    fn says(&self, dialect: Dialect, word: &str) -> bool {
        self.head(dialect).any(|said| said == word)
    }
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
            sqlite: include_str!("../../../../migrations/sqlite/0001_create_catalog.sql"),
            postgres: include_str!("../../../../migrations/postgres/0001_create_catalog.sql"),
        },
        Migration {
            version: 2,
            name: "count usage",
            sqlite: include_str!("../../../../migrations/sqlite/0002_count_usage.sql"),
            postgres: include_str!("../../../../migrations/postgres/0002_count_usage.sql"),
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

/// The key of PostgreSQL's advisory lock under which migrations are run: the letters `catalog`. SQLite's transactions need none.
pub const LOCK_KEY: i64 = 27_973_517_206_938_983;

/// Brings the tables of `set` to their newest version: all steps that are missing in one transaction, under a lock, so that of
/// several programs that start together one does it and the others find it done.
///
/// # Errors
/// By kind: `Schema` when the database is newer than the program or a step was changed after it was applied, `Unavailable` when
/// the lock did not come in time. Nothing was changed then.
pub async fn migrate(database: &Database, set: MigrationSet) -> Result<Migrated, StoreError> {
    let mut transaction = database.begin().await?;
    let dialect = transaction.dialect();
    if dialect == Dialect::Postgres {
        let mut lock = Statement::new(dialect);
        lock.push("select pg_advisory_xact_lock(").bind(LOCK_KEY).push(")::text");
        transaction.fetch(lock).await?;
    }
    prepare(&mut transaction).await?;
    let rows = transaction.fetch(ledger::select(dialect, set.owner)).await?;
    let applied = rows.into_iter().map(ledger::entry).collect::<Result<Vec<Entry>, _>>()?;
    let newest = set.newest();
    if let Some(entry) = applied.iter().find(|entry| entry.version > newest) {
        let version = entry.version;
        return Err(schema(format!(
            "the database is at version {version}, the program knows up to {newest}"
        )));
    }
    let mut done = Migrated { version: newest, applied: 0 };
    for migration in set.migrations {
        let version = migration.version;
        match applied.iter().find(|entry| entry.version == version) {
            Some(entry) if !entry.is_finished => {
                return Err(schema(format!("version {version} was begun and not finished")));
            }
            Some(entry) if entry.checksum == migration.checksum(dialect) => {}
            Some(_) => return Err(schema(format!("version {version} was changed after it was applied"))),
            None if !migration.is_in_transaction(dialect) => {
                return Err(schema(format!("version {version} cannot be applied in a transaction")));
            }
            None => {
                transaction.execute_script(migration.script(dialect)).await?;
                let note = ledger::insert(dialect, set.owner, migration, &ledger::Run::default(), true);
                transaction.execute(note).await?;
                done.applied += 1;
            }
        }
    }
    transaction.commit().await?;
    Ok(done)
}

/// Makes the ledger, and adds what an earlier one lacks.
async fn prepare(transaction: &mut Transaction) -> Result<(), StoreError> {
    let dialect = transaction.dialect();
    if !transaction.fetch(ledger::exists(dialect)).await?.is_empty() {
        return Ok(());
    }
    transaction.execute_script(ledger::create(dialect)).await?;
    if let Some(select) = ledger::lacks(dialect)
        && transaction.fetch(select).await?.is_empty()
    {
        transaction.execute_script(ledger::ADD_COLUMNS).await?;
    }
    Ok(())
}

fn schema(message: String) -> StoreError {
    StoreError::new(StoreErrorKind::Schema, message)
}

fn checksum(script: &str) -> String {
    Sha256::digest(script.replace("\r\n", "\n")).iter().fold(String::new(), |mut text, byte| {
        // writing to a string cannot fail
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_of_a_script_says_how_it_is_run_and_line_ends_make_no_difference() {
        let of = |script| Migration { version: 1, name: "test", sqlite: "", postgres: script };
        let plain = of("-- a table\ncreate table a (n bigint);\n-- migration: contract\n");
        assert_eq!(plain.kind(Dialect::Postgres), MigrationKind::Expand, "only the head counts");
        assert!(plain.is_in_transaction(Dialect::Postgres));
        let both = of("-- why\n-- migration: contract\n-- migration: no-transaction\n\ndrop index a;\n");
        assert_eq!(both.kind(Dialect::Postgres), MigrationKind::Contract);
        assert!(!both.is_in_transaction(Dialect::Postgres) && both.is_in_transaction(Dialect::Sqlite));
        let backfill =
            of("-- migration: backfill a by n\nupdate a set m = n where n in (select n from batch);\n");
        assert_eq!(backfill.kind(Dialect::Postgres), MigrationKind::Expand);
        assert!(!backfill.is_in_transaction(Dialect::Postgres));
        assert_eq!(backfill.head(Dialect::Postgres).collect::<Vec<_>>(), ["backfill a by n"]);
        let (unix, windows) = (of("select 1;\nselect 2;\n"), of("select 1;\r\nselect 2;\r\n"));
        assert_eq!(unix.checksum(Dialect::Postgres), windows.checksum(Dialect::Postgres));
    }
}
