//! The table that says which migrations were applied: by [`migrate`](super::migrate), or by whatever else runs them under the same lock.

use super::{Migration, MigrationKind};
use crate::{
    clock::{Clock, SystemClock},
    store::{
        StoreError, StoreErrorKind,
        database::Row,
        statement::{Dialect, SqlValue, Statement},
    },
};

/// One migration as the ledger has it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Entry {
    /// Its number.
    pub version: i64,
    /// What it does.
    pub name: String,
    /// The checksum of its statements when it was applied.
    pub checksum: String,
    /// Whether the release before it can work with what it has left.
    pub kind: MigrationKind,
    /// Whether it is done; one that needs no transaction may have been begun only.
    pub is_finished: bool,
    /// When it was done, or begun.
    pub at: String,
    /// Of which release it was applied.
    pub release: Option<String>,
}

/// Who applies a migration.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Run {
    /// The release, where it is known.
    pub release: Option<String>,
    /// The process, where it is known.
    pub runner: Option<String>,
}

/// What a ledger of an earlier make lacks; for SQLite, which cannot be told to add only what is missing.
pub const ADD_COLUMNS: &str =
    "alter table catalog_core_migrations add column kind text not null default 'expand';
    alter table catalog_core_migrations add column state text not null default 'finished';
    alter table catalog_core_migrations add column started_at text;
    alter table catalog_core_migrations add column release text;
    alter table catalog_core_migrations add column runner text";

const CREATE_SQLITE: &str = "create table if not exists catalog_core_migrations (
    owner text not null, version bigint not null, name text not null, checksum text not null, applied_at text not null,
    primary key (owner, version))";

const CREATE_POSTGRES: &str = "create table if not exists catalog_core_migrations (
    owner text not null, version bigint not null, name text not null, checksum text not null, applied_at text not null,
    primary key (owner, version));
    alter table catalog_core_migrations add column if not exists kind text not null default 'expand',
    add column if not exists state text not null default 'finished', add column if not exists started_at text,
    add column if not exists release text, add column if not exists runner text";

/// Makes the ledger where there is none, in a script.
pub fn create(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => CREATE_SQLITE,
        Dialect::Postgres => CREATE_POSTGRES,
    }
}

/// Finds nothing if [`ADD_COLUMNS`] is to be run; none where [`create`] has seen to it.
pub fn lacks(dialect: Dialect) -> Option<Statement> {
    let mut select = Statement::new(dialect);
    select.push("select name from pragma_table_info('catalog_core_migrations') where name = 'kind'");
    (dialect == Dialect::Sqlite).then_some(select)
}

/// Finds one row if there is a ledger of this make.
pub fn exists(dialect: Dialect) -> Statement {
    lacks(dialect).unwrap_or_else(|| {
        let mut select = Statement::new(dialect);
        select.push("select attname::text from pg_attribute where attrelid = to_regclass('catalog_core_migrations') and attname = 'kind'");
        select
    })
}

/// Selects an owner's rows for [`entry`], in the order of their versions.
pub fn select(dialect: Dialect, owner: &str) -> Statement {
    let mut select = Statement::new(dialect);
    select.push("select version, name, checksum, kind, state, applied_at, release from catalog_core_migrations where owner = ");
    select.bind(owner).push(" order by version");
    select
}

/// Reads a row of [`select`].
///
/// # Errors
/// `Corrupt` when it is none.
pub fn entry(mut row: Row) -> Result<Entry, StoreError> {
    let kind = match row.text(3)?.as_str() {
        "expand" => MigrationKind::Expand,
        "contract" => MigrationKind::Contract,
        other => {
            let text = format!("`{other}` is no kind of a migration");
            return Err(StoreError::new(StoreErrorKind::Corrupt, text));
        }
    };
    Ok(Entry {
        version: row.integer(0)?,
        name: row.text(1)?,
        checksum: row.text(2)?,
        kind,
        is_finished: row.text(4)? == "finished",
        at: row.text(5)?,
        release: row.take_text(6)?,
    })
}

/// Notes that a migration is done, or only begun.
pub fn insert(
    dialect: Dialect,
    owner: &str,
    migration: &Migration,
    run: &Run,
    is_finished: bool,
) -> Statement {
    let now = SystemClock.now().to_string();
    let values: [SqlValue; 10] = [
        owner.into(),
        migration.version.into(),
        migration.name.into(),
        migration.checksum(dialect).into(),
        now.clone().into(),
        migration.kind(dialect).as_str().into(),
        if is_finished { "finished" } else { "started" }.into(),
        now.into(),
        run.release.clone().into(),
        run.runner.clone().into(),
    ];
    let mut insert = Statement::new(dialect);
    insert.push("insert into catalog_core_migrations (owner, version, name, checksum, applied_at, kind, state, started_at, release, runner) values (");
    for (place, value) in values.into_iter().enumerate() {
        insert.push(if place == 0 { "" } else { ", " }).bind(value);
    }
    insert.push(")");
    insert
}

/// Notes that a migration that was only begun is done.
pub fn finish(dialect: Dialect, owner: &str, version: i64) -> Statement {
    let mut update = Statement::new(dialect);
    update.push("update catalog_core_migrations set state = 'finished', applied_at = ");
    update.bind(SystemClock.now().to_string()).push(" where owner = ").bind(owner);
    update.push(" and version = ").bind(version).push(" and state = 'started'");
    update
}
