use std::{fmt::Write, time::Duration};

use catalog_core::store::{
    Session, StoreError, StoreErrorKind,
    sql::{Migration, MigrationKind, MigrationSet, ledger},
    statement::{Dialect, Statement},
};
use tokio::time::{Instant, sleep};

use super::{
    MigrationError, MigrationErrorKind, Migrator, applied,
    lock::Held,
    script::{concurrent_index, statements},
    unfinished,
};

/// How long a step waits until it tries again, with up to as much again, when somebody stands in its way.
pub(super) const RETRY: Duration = Duration::from_millis(500);
/// Whoever comes after a statement that waits for a lock waits for it, too.
const BEGIN: &str = "begin; set local lock_timeout = '2s'; set local statement_timeout = 0";
/// So much of a statement is repeated in an error.
const EXCERPT: usize = 120;

impl Migrator {
    pub(super) async fn run_postgres(&self, deadline: Instant) -> Result<(), MigrationError> {
        // dropped with whatever it holds, should this be dropped or fail
        let mut session = self.lock.session(&self.database).await?;
        let applied = self.apply_all(&mut session, deadline).await;
        // the lock goes with it, also where it was all in vain, and is free when this returns
        let closed = session.close().await;
        applied?;
        closed?;
        Ok(())
    }

    async fn apply_all(&self, session: &mut Session, deadline: Instant) -> Result<(), MigrationError> {
        let mut held = self.lock.take(&self.database, session, deadline).await?;
        let applied = self.apply_sets(session, &mut held, deadline).await;
        held.release().await;
        applied
    }

    async fn apply_sets(
        &self,
        session: &mut Session,
        held: &mut Held,
        mut deadline: Instant,
    ) -> Result<(), MigrationError> {
        self.prepare(session).await?;
        for set in &self.sets {
            // by the ledger as it is now: whoever had the lock before may have done it
            let there = applied(session, set.owner).await?;
            for migration in set.migrations {
                let entry = there.iter().find(|entry| entry.version == migration.version);
                if entry.is_some_and(|entry| entry.is_finished) {
                    continue;
                }
                if entry.is_none() && self.is_held(migration) {
                    break;
                }
                if let Some(backfill) = self.backfill(set, migration)? {
                    self.fill(session, Some(&mut *held), set, migration, &backfill).await?;
                    // what comes after it waits for nobody longer than what comes before
                    deadline = Instant::now() + self.wait;
                    continue;
                }
                match entry {
                    Some(_) => self.go_through(session, held, set, migration, true).await?,
                    None if migration.is_in_transaction(Dialect::Postgres) => {
                        self.apply(session, held, set, migration, deadline).await?;
                    }
                    None => {
                        let note = self.note(session, set, migration, false);
                        session.execute(note).await?;
                        self.go_through(session, held, set, migration, false).await?;
                    }
                }
            }
        }
        Ok(())
    }

    /// All of it in one transaction, which nobody else can write beside; but for backfills, before which it ends and after which another
    /// one begins.
    pub(super) async fn run_sqlite(&self, deadline: Instant) -> Result<(), MigrationError> {
        let mut session = self.database.session().await?;
        begin_immediate(&mut session, deadline).await?;
        self.prepare(&mut session).await?;
        for set in &self.sets {
            for migration in set.migrations {
                // another process may have gone on after a backfill
                let there = applied(&mut session, set.owner).await?;
                let entry = there.iter().find(|entry| entry.version == migration.version);
                if entry.is_some_and(|entry| entry.is_finished) {
                    continue;
                }
                if entry.is_none() && self.is_held(migration) {
                    break;
                }
                if let Some(backfill) = self.backfill(set, migration)? {
                    session.execute_script("commit").await?;
                    self.fill(&mut session, None, set, migration, &backfill).await?;
                    begin_immediate(&mut session, Instant::now() + self.wait).await?;
                    continue;
                }
                let script = migration.script(Dialect::Sqlite);
                let ran = session.execute_script(script).await;
                ran.map_err(|error| failed(set, migration, None, error))?;
                let note = self.note(&session, set, migration, true);
                session.execute(note).await?;
            }
        }
        session.execute_script("commit").await?;
        session.close().await?;
        Ok(())
    }

    /// Whether it waits until all releases can work with what it leaves.
    fn is_held(&self, migration: &Migration) -> bool {
        self.holds_contracts && migration.kind(self.database.dialect()) == MigrationKind::Contract
    }

    async fn prepare(&self, session: &mut Session) -> Result<(), MigrationError> {
        let dialect = session.dialect();
        if !session.fetch(ledger::exists(dialect)).await?.is_empty() {
            return Ok(());
        }
        session.execute_script(ledger::create(dialect)).await?;
        if let Some(select) = ledger::lacks(dialect)
            && session.fetch(select).await?.is_empty()
        {
            session.execute_script(ledger::ADD_COLUMNS).await?;
        }
        Ok(())
    }

    pub(super) fn note(
        &self,
        session: &Session,
        set: &MigrationSet,
        migration: &Migration,
        is_finished: bool,
    ) -> Statement {
        ledger::insert(session.dialect(), set.owner, migration, &self.ledger_run(), is_finished)
    }

    /// One step as a whole, again and again while others stand in its way: it waits for them no longer than 2 s at a time, since whoever
    /// comes after it waits for it.
    async fn apply(
        &self,
        session: &mut Session,
        held: &mut Held,
        set: &MigrationSet,
        migration: &Migration,
        deadline: Instant,
    ) -> Result<(), MigrationError> {
        loop {
            session.execute_script(BEGIN).await?;
            let error = match self.try_apply(session, held, set, migration).await {
                Ok(()) => {
                    tracing::info!(
                        owner = set.owner,
                        version = migration.version,
                        name = migration.name,
                        "migrated"
                    );
                    return Ok(());
                }
                Err(error) => error,
            };
            session.execute_script("rollback").await?;
            // a lock that did not come, a deadlock, a transaction that came between
            let may_pass = matches!(error.code(), Some("55P03" | "40P01" | "40001"));
            if !may_pass || Instant::now() >= deadline {
                return Err(error);
            }
            let code = error.code();
            tracing::warn!(
                owner = set.owner,
                version = migration.version,
                code,
                "somebody stands in the way of a migration"
            );
            sleep(RETRY.mul_f64(1.0 + fastrand::f64())).await;
        }
    }

    async fn try_apply(
        &self,
        session: &mut Session,
        held: &mut Held,
        set: &MigrationSet,
        migration: &Migration,
    ) -> Result<(), MigrationError> {
        for (place, statement) in statements(migration.postgres).into_iter().enumerate() {
            let ran = session.execute_script(statement).await;
            ran.map_err(|error| failed(set, migration, Some((place + 1, statement)), error))?;
        }
        let note = self.note(session, set, migration, true);
        session.execute(note).await?;
        held.check().await?;
        session.execute_script("commit").await?;
        Ok(())
    }

    /// One step without a transaction, or what is left of it. Only what makes indexes can be gone on with: whether one was made can be seen.
    async fn go_through(
        &self,
        session: &mut Session,
        held: &mut Held,
        set: &MigrationSet,
        migration: &Migration,
        was_begun: bool,
    ) -> Result<(), MigrationError> {
        let parts = statements(migration.postgres);
        if was_begun && parts.iter().any(|statement| concurrent_index(statement).is_none()) {
            return Err(unfinished(set.owner, migration.version));
        }
        for (place, statement) in parts.into_iter().enumerate() {
            if let Some(index) = concurrent_index(statement) {
                match is_valid(session, index).await? {
                    Some(true) => continue,
                    Some(false) => {
                        let mut drop = Statement::new(session.dialect());
                        drop.push("drop index concurrently ").push(index);
                        session.execute(drop).await?;
                    }
                    None => {}
                }
            }
            held.check().await?;
            let ran = session.execute_script(statement).await;
            ran.map_err(|error| failed(set, migration, Some((place + 1, statement)), error))?;
        }
        session.execute(ledger::finish(session.dialect(), set.owner, migration.version)).await?;
        tracing::info!(owner = set.owner, version = migration.version, name = migration.name, "migrated");
        Ok(())
    }
}

/// Waits for its turn to write.
pub(super) async fn begin_immediate(session: &mut Session, deadline: Instant) -> Result<(), MigrationError> {
    loop {
        match session.execute_script("begin immediate").await {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == StoreErrorKind::Unavailable && Instant::now() < deadline => {
                sleep(RETRY.mul_f64(1.0 + fastrand::f64())).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Whether the index is there as a whole; none if it is not there.
async fn is_valid(session: &mut Session, index: &str) -> Result<Option<bool>, StoreError> {
    let mut select = Statement::new(session.dialect());
    select.push("select indisvalid from pg_index where indexrelid = to_regclass(").bind(index).push(")");
    let row = session.fetch(select).await?.into_iter().next();
    row.map(|mut row| row.boolean(0)).transpose()
}

pub(super) fn failed(
    set: &MigrationSet,
    migration: &Migration,
    statement: Option<(usize, &str)>,
    error: StoreError,
) -> MigrationError {
    if error.kind() == StoreErrorKind::Unavailable {
        return error.into();
    }
    let mut text = format!("migration `{}` {} `{}` failed", set.owner, migration.version, migration.name);
    if let Some((place, statement)) = statement {
        let excerpt: String = statement.chars().take(EXCERPT).collect();
        // writing to a string cannot fail
        let _ = write!(text, " in statement {place}, `{excerpt}`");
    }
    if let Some(code) = error.code() {
        let _ = write!(text, ", with code {code}");
    }
    MigrationError::new(MigrationErrorKind::Failed, text).with_source(error)
}
