use std::time::Duration;

use catalog_core::store::{
    Session,
    sql::{Migration, MigrationSet, ledger},
    statement::Dialect,
};
use tokio::time::{Instant, sleep};

use super::{
    Backfill, MigrationError, MigrationErrorKind, Migrator, applied,
    apply::{RETRY, begin_immediate, failed},
    lock::Held,
    progress::{self, Progress},
};

/// PostgreSQL looks for deadlocks after a second, and ends whoever looks: others have none of it if this one gives way before.
const BEGIN: &str = "begin; set local lock_timeout = '200ms'; set local statement_timeout = 0";
/// So often all rows are gone through until nothing is found to be changed.
const PASSES: usize = 5;

/// What one transaction did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Filled {
    /// A few rows were gone through.
    Some,
    /// There were no more, and some were changed: they are gone through again.
    Pass,
    /// There was nothing left to be changed.
    All,
}

impl Migrator {
    /// Goes through all rows, and again until none was changed: of those that are written meanwhile by a release that knows nothing of it,
    /// some may be behind. Between the transactions it leaves others as much time as it took.
    pub(super) async fn fill(
        &self,
        session: &mut Session,
        mut held: Option<&mut Held>,
        set: &MigrationSet,
        migration: &Migration,
        backfill: &Backfill,
    ) -> Result<(), MigrationError> {
        session.execute_script(progress::CREATE).await?;
        let mut passes = 0;
        loop {
            let begun = Instant::now();
            let filled = self.fill_some(session, held.as_deref_mut(), set, migration, backfill).await?;
            passes += usize::from(filled == Filled::Pass);
            if filled == Filled::All {
                tracing::info!(
                    owner = set.owner,
                    version = migration.version,
                    name = migration.name,
                    "filled in"
                );
                return Ok(());
            }
            if passes == PASSES {
                let text = format!(
                    "migration `{}` {} `{}` still changed rows when it went through them for the {PASSES}th time: \
                     they are written faster than it changes them, or it does not leave those that it has changed",
                    set.owner, migration.version, migration.name
                );
                return Err(MigrationError::new(MigrationErrorKind::Failed, text));
            }
            sleep(begun.elapsed()).await;
        }
    }

    /// A few rows, again and again while others have one of them.
    async fn fill_some(
        &self,
        session: &mut Session,
        mut held: Option<&mut Held>,
        set: &MigrationSet,
        migration: &Migration,
        backfill: &Backfill,
    ) -> Result<Filled, MigrationError> {
        let deadline = Instant::now() + self.wait;
        loop {
            match session.dialect() {
                Dialect::Sqlite => begin_immediate(session, deadline).await?,
                Dialect::Postgres => session.execute_script(BEGIN).await?,
            }
            let error = match self.try_fill(session, held.as_deref_mut(), set, migration, backfill).await {
                Ok(filled) => return Ok(filled),
                Err(error) => error,
            };
            // where that fails there is no transaction any more, or no connection, which the next one tells
            let _ = session.execute_script("rollback").await;
            if !may_pass(error.code()) || Instant::now() >= deadline {
                return Err(error);
            }
            let code = error.code();
            tracing::debug!(
                owner = set.owner,
                version = migration.version,
                code,
                "somebody has rows of a backfill"
            );
            sleep(RETRY.mul_f64(fastrand::f64()).max(Duration::from_millis(20))).await;
        }
    }

    async fn try_fill(
        &self,
        session: &mut Session,
        held: Option<&mut Held>,
        set: &MigrationSet,
        migration: &Migration,
        backfill: &Backfill,
    ) -> Result<Filled, MigrationError> {
        let (dialect, owner, version) = (session.dialect(), set.owner, migration.version);
        let mut progress = match Progress::lock(session, owner, version).await? {
            Some(progress) => progress,
            None => match self.begin(session, set, migration, backfill).await? {
                Some(progress) => progress,
                // another process that fills the same file
                None => return commit(session, held, Filled::All).await,
            },
        };
        let refused = |error| failed(set, migration, Some((1, backfill.statement)), error);
        let ends = session.fetch(backfill.end(dialect, progress.after.as_deref())).await.map_err(refused)?;
        let filled = match ends.into_iter().next() {
            Some(mut end) => {
                let end = end.text(0)?;
                let change = backfill.change(dialect, progress.after.as_deref(), &end);
                let changed = session.execute(change).await.map_err(refused)?;
                let changed = i64::try_from(changed).unwrap_or(i64::MAX);
                progress.after = Some(end);
                progress.changed += changed;
                progress.total += changed;
                Filled::Some
            }
            None if progress.changed == 0 => Filled::All,
            None => {
                progress = Progress { after: None, changed: 0, ..progress };
                Filled::Pass
            }
        };
        if filled == Filled::All {
            Progress::remove(session, owner, version).await?;
            session.execute(ledger::finish(dialect, owner, version)).await?;
        } else {
            progress.write(session, owner, version).await?;
        }
        commit(session, held, filled).await
    }

    /// Notes that it is begun, with its first rows: one that is refused leaves nothing behind. None if it is done.
    async fn begin(
        &self,
        session: &mut Session,
        set: &MigrationSet,
        migration: &Migration,
        backfill: &Backfill,
    ) -> Result<Option<Progress>, MigrationError> {
        let there = applied(session, set.owner).await?;
        match there.iter().find(|entry| entry.version == migration.version) {
            Some(entry) if entry.is_finished => return Ok(None),
            Some(_) => {}
            None => {
                let note = self.note(session, set, migration, false);
                session.execute(note).await?;
            }
        }
        let dialect = session.dialect();
        let refuse = |why: String| {
            let text = format!(
                "migration `{}` {} `{}` cannot be run: {why}",
                set.owner, migration.version, migration.name
            );
            Err(MigrationError::new(MigrationErrorKind::Failed, text))
        };
        let (table, key) = (backfill.table, backfill.key.join(", "));
        if session.fetch(backfill.has_index(dialect)).await?.is_empty() {
            return refuse(format!("there is no `{table}` with an index that begins as `{key}` does"));
        }
        let lacking = session.fetch(backfill.without_key(dialect)).await;
        if !lacking.map_err(|error| failed(set, migration, None, error))?.is_empty() {
            return refuse(format!("`{table}` has rows without `{key}`, which would not come up"));
        }
        Ok(Some(Progress::default()))
    }
}

async fn commit(
    session: &mut Session,
    held: Option<&mut Held>,
    filled: Filled,
) -> Result<Filled, MigrationError> {
    if let Some(held) = held {
        held.check().await?;
    }
    session.execute_script("commit").await?;
    Ok(filled)
}

/// On PostgreSQL a lock that did not come, a deadlock, a transaction that came between; on SQLite a file that is busy.
fn may_pass(code: Option<&str>) -> bool {
    match code {
        Some("55P03" | "40P01" | "40001") => true,
        Some(code) if code.len() < 5 => code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6)),
        _ => false,
    }
}
