use catalog_core::store::{
    sql::{Migration, MigrationKind, MigrationSet, ledger::Entry},
    statement::Dialect,
};

use super::{Backfill, script};
use crate::Component;

/// How a database's schema stands to what the program needs.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct MigrationStatus {
    /// What is to be applied, in this order.
    pub pending: Vec<PendingMigration>,
    /// What is applied and this program does not know: it is older than the schema.
    pub ahead: Vec<AheadMigration>,
    /// What was changed after it was applied.
    pub drifted: Vec<Drift>,
    /// What was begun and not finished.
    pub unfinished: Vec<(String, i64)>,
    /// Backfills that were begun and are not finished: the next run goes on with them.
    pub filling: Vec<Filling>,
    /// What is left out until no release is there any more that could not work with it.
    pub held: Vec<PendingMigration>,
}

/// A backfill that is under way, or was broken off.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Filling {
    /// Whose tables.
    pub owner: &'static str,
    /// Its number.
    pub version: i64,
    /// What it does.
    pub name: &'static str,
    /// So many rows it has changed.
    pub changed: i64,
}

/// A step that is to be applied.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct PendingMigration {
    /// Whose tables.
    pub owner: &'static str,
    /// Its number.
    pub version: i64,
    /// What it does.
    pub name: &'static str,
    /// Whether the release before it can work with what it leaves.
    pub kind: MigrationKind,
    /// Whether it is undone as a whole when it fails.
    pub is_in_transaction: bool,
    /// Whether one of a greater number is applied.
    pub is_late: bool,
    /// How it goes through rows that are there, where it does.
    pub backfill: Option<Backfill>,
    /// Its statements.
    pub sql: &'static str,
    /// What each of the statements locks against others, where it does; known for PostgreSQL.
    pub locks: Vec<(&'static str, &'static str)>,
}

/// A step that was applied by a later release.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct AheadMigration {
    /// Whose tables.
    pub owner: &'static str,
    /// Its number.
    pub version: i64,
    /// Whether this release can work with what it has left.
    pub kind: MigrationKind,
    /// By which release.
    pub release: Option<String>,
}

/// A step that was changed after it was applied.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Drift {
    /// Whose tables.
    pub owner: &'static str,
    /// Its number.
    pub version: i64,
    /// What it does.
    pub name: &'static str,
    /// The checksum when it was applied.
    pub applied: String,
    /// The checksum of what the program has.
    pub known: String,
}

/// What a schema's state is in one word.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SchemaState {
    /// Everything is applied, and nothing else.
    Current,
    /// Something is to be applied.
    Behind,
    /// All that is to be applied are backfills. Rows without what they fill in were written before, and are by an earlier release beside
    /// this one, so this one can work with them; what cannot is a step after the backfill.
    Filling,
    /// Everything is applied but what is left out for a release before this one.
    Expanded,
    /// A later release has added to it, which this one can work with.
    AheadCompatible,
    /// A later release has changed it so that this one cannot work with it.
    AheadIncompatible,
    /// A step was changed after it was applied.
    Drifted,
    /// A step was begun and not finished.
    Unfinished,
}

impl MigrationStatus {
    /// In one word: the worst.
    pub fn state(&self) -> SchemaState {
        if !self.drifted.is_empty() {
            SchemaState::Drifted
        } else if self.ahead.iter().any(|ahead| ahead.kind == MigrationKind::Contract) {
            SchemaState::AheadIncompatible
        } else if !self.unfinished.is_empty() {
            SchemaState::Unfinished
        } else if self.pending.iter().any(|step| step.backfill.is_none()) {
            SchemaState::Behind
        } else if !self.pending.is_empty() || !self.filling.is_empty() {
            SchemaState::Filling
        } else if !self.held.is_empty() {
            SchemaState::Expanded
        } else if !self.ahead.is_empty() {
            SchemaState::AheadCompatible
        } else {
            SchemaState::Current
        }
    }

    /// Whether this program can work with the schema.
    pub fn is_usable(&self) -> bool {
        matches!(
            self.state(),
            SchemaState::Current
                | SchemaState::AheadCompatible
                | SchemaState::Filling
                | SchemaState::Expanded
        )
    }

    /// As a component of readiness: failed unless this program can work with the schema, degraded while rows are to be filled in.
    pub fn component(&self) -> Component {
        match self.state() {
            SchemaState::Current => Component::ok().with_detail("the schema is current"),
            SchemaState::AheadCompatible => Component::ok()
                .with_detail(format!("the schema is of {}, which this one can use", self.later())),
            SchemaState::AheadIncompatible => {
                Component::failed(format!("the schema is of {}, which this one cannot use", self.later()))
            }
            SchemaState::Behind => {
                Component::failed(format!("{} migrations are pending", self.pending.len()))
            }
            SchemaState::Filling => Component::degraded(match self.filling.first() {
                Some(Filling { owner, version, changed, .. }) => {
                    format!("the backfill `{owner}` {version} is not finished, it has changed {changed} rows")
                }
                None => format!("{} backfills are pending", self.pending.len()),
            }),
            SchemaState::Expanded => Component::ok().with_detail(format!(
                "the schema is current, but for {} migrations that are held back",
                self.held.len()
            )),
            SchemaState::Drifted => Component::failed("a migration was changed after it was applied"),
            SchemaState::Unfinished => Component::failed("a migration was begun and is not finished"),
        }
    }

    fn later(&self) -> String {
        let release = self.ahead.iter().rev().find_map(|ahead| ahead.release.as_deref());
        release.map_or_else(|| "a later release".to_owned(), |release| format!("release `{release}`"))
    }

    /// Adds how one set stands.
    pub(super) fn compare(
        &mut self,
        set: &MigrationSet,
        applied: &[Entry],
        dialect: Dialect,
        holds_contracts: bool,
    ) {
        let mut holds = false;
        let newest = applied.last().map_or(0, |entry| entry.version);
        for entry in
            applied.iter().filter(|entry| set.migrations.iter().all(|known| known.version != entry.version))
        {
            let (owner, version, kind) = (set.owner, entry.version, entry.kind);
            self.ahead.push(AheadMigration { owner, version, kind, release: entry.release.clone() });
        }
        for migration in set.migrations {
            let known = migration.checksum(dialect);
            match applied.iter().find(|entry| entry.version == migration.version) {
                None => {
                    holds |= holds_contracts && migration.kind(dialect) == MigrationKind::Contract;
                    let steps = if holds { &mut self.held } else { &mut self.pending };
                    steps.push(pending(set.owner, migration, newest, dialect));
                }
                Some(entry) if entry.checksum != known => self.drifted.push(Drift {
                    owner: set.owner,
                    version: migration.version,
                    name: migration.name,
                    applied: entry.checksum.clone(),
                    known,
                }),
                Some(entry)
                    if !entry.is_finished && matches!(Backfill::of(migration, dialect), Ok(Some(_))) =>
                {
                    let (owner, version, name) = (set.owner, migration.version, migration.name);
                    self.filling.push(Filling { owner, version, name, changed: 0 });
                }
                Some(entry) if !entry.is_finished => {
                    self.unfinished.push((set.owner.to_owned(), migration.version));
                }
                Some(_) => {}
            }
        }
    }
}

fn pending(owner: &'static str, migration: &Migration, newest: i64, dialect: Dialect) -> PendingMigration {
    let sql = migration.script(dialect);
    let statements = if dialect == Dialect::Postgres { script::statements(sql) } else { Vec::new() };
    let locks = statements.into_iter().filter_map(|statement| Some((statement, script::lock(statement)?)));
    PendingMigration {
        owner,
        version: migration.version,
        name: migration.name,
        kind: migration.kind(dialect),
        is_in_transaction: migration.is_in_transaction(dialect),
        is_late: migration.version < newest,
        backfill: Backfill::of(migration, dialect).ok().flatten(),
        sql,
        locks: locks.collect(),
    }
}
