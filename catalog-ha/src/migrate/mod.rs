//! Migrations under a lock: whoever starts together, whoever dies in the middle, each is applied once.

mod apply;
mod backfill;
mod error;
mod fill;
mod lock;
mod progress;
mod script;
mod status;

use std::{fmt::Write, time::Duration};

use catalog_core::store::{
    Session,
    database::Database,
    sql::{
        Migration, MigrationSet,
        ledger::{self, Entry, Run},
    },
    statement::{Dialect, Statement},
};
use tokio::time::Instant;

use self::progress::Progress;
pub use self::{
    backfill::Backfill,
    error::{MigrationError, MigrationErrorKind},
    lock::MigrationLock,
    status::{AheadMigration, Drift, Filling, MigrationStatus, PendingMigration, SchemaState},
};
use crate::Component;

/// Brings a database to what the program needs, or tells how it stands. Cheap to clone.
///
/// ```
/// use catalog_core::store::database::{Database, DatabaseOptions};
/// use catalog_ha::migrate::{Migrator, SchemaState};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let url = format!("sqlite://{}", folder.path().join("catalog.db").display());
/// let database = Database::sqlite(&url, DatabaseOptions::default()).await?;
/// let migrator = Migrator::new(database, "1.4.0")
///     .with_set(catalog_core::store::sql::MIGRATIONS)
///     .with_set(catalog_ha::MIGRATIONS);
/// assert_eq!(migrator.status().await?.state(), SchemaState::Behind);
/// assert!(migrator.run().await?.is_usable());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Migrator {
    database: Database,
    sets: Vec<MigrationSet>,
    release: String,
    lock: MigrationLock,
    wait: Duration,
    allowed: Vec<(&'static str, i64)>,
    holds_contracts: bool,
}

impl Migrator {
    /// Of no tables yet. `release` is noted in the ledger, for who reads it later. It waits for 2 minutes at most, for another process that
    /// migrates and for what stands in the way of a statement; a backfill takes the time that it takes.
    pub fn new(database: Database, release: impl Into<String>) -> Self {
        let wait = Duration::from_mins(2);
        let (sets, allowed, lock) = (Vec::new(), Vec::new(), MigrationLock::default());
        Self { database, sets, release: release.into(), lock, wait, allowed, holds_contracts: false }
    }

    /// With the tables of one crate more; they are migrated in this order.
    #[must_use]
    pub fn with_set(mut self, set: MigrationSet) -> Self {
        self.sets.push(set);
        self
    }

    /// With another kind of lock.
    #[must_use]
    pub fn with_lock(mut self, lock: MigrationLock) -> Self {
        self.lock = lock;
        self
    }

    /// With another time to wait.
    #[must_use]
    pub fn with_wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// With one step that may be applied although a later one is.
    #[must_use]
    pub fn with_out_of_order(mut self, owner: &'static str, version: i64) -> Self {
        self.allowed.push((owner, version));
        self
    }

    /// Which leaves out, with all that comes after it in its set, what the release before could not work with, for as long as there may be
    /// such: a release that can work with both is rolled out first, and another run without this ends it. All steps of that say that they
    /// contract, or the replicas that serve meanwhile take one for their own that is still to be applied.
    #[must_use]
    pub fn with_contracts_held(mut self) -> Self {
        self.holds_contracts = true;
        self
    }

    /// How the schema stands. It changes nothing.
    ///
    /// # Errors
    /// By kind: `Unavailable`, `Failed`.
    pub async fn status(&self) -> Result<MigrationStatus, MigrationError> {
        let mut session = self.database.session().await?;
        let status = self.compare(&mut session).await;
        // whatever was read has been read
        let _ = session.close().await;
        status
    }

    /// What [`run`](Self::run) would do, with the statements and what they lock. It changes nothing.
    ///
    /// # Errors
    /// As [`status`](Self::status).
    pub async fn plan(&self) -> Result<Vec<PendingMigration>, MigrationError> {
        Ok(self.status().await?.pending)
    }

    /// Checks that everything is applied as the program has it.
    ///
    /// # Errors
    /// By kind: `Drift`, `Malformed`, `Unfinished`, `OutOfOrder`, `Failed` when something is pending or the schema is of a release that
    /// this one cannot use, `Unavailable`.
    pub async fn verify(&self) -> Result<MigrationStatus, MigrationError> {
        let status = self.status().await?;
        self.check(&status)?;
        if status.is_usable() && status.state() != SchemaState::Filling {
            return Ok(status);
        }
        let text = status.component().detail.unwrap_or_default();
        Err(match status.unfinished.first() {
            Some((owner, version)) => unfinished(owner, *version),
            // the next run goes on by itself
            None if !status.filling.is_empty() => MigrationError::new(MigrationErrorKind::Unfinished, text),
            None => MigrationError::new(MigrationErrorKind::Failed, text),
        })
    }

    /// Applies what is pending, under the lock, and gives how the schema stands then. A schema of a later release is left as it is,
    /// which is no error: whether this one can work with it the status says.
    ///
    /// A backfill that another process is at takes the time that it takes: when it has been waited for long enough the schema is given as it is.
    ///
    /// It may be dropped at any point: the connection is closed with it, and so is what it holds.
    ///
    /// # Errors
    /// By kind. `Drift`, `Malformed` and `OutOfOrder` before anything is changed; `Locked`, `Pooler`, `Unfinished`, `Failed`, `Unavailable`.
    pub async fn run(&self) -> Result<MigrationStatus, MigrationError> {
        let before = self.status().await?;
        self.check(&before)?;
        if before.pending.is_empty() && before.unfinished.is_empty() && before.filling.is_empty() {
            return Ok(before);
        }
        // one that this release could not work with is none that it may add to
        if before.state() == SchemaState::AheadIncompatible {
            return Ok(before);
        }
        let deadline = Instant::now() + self.wait;
        let ran = match self.database.dialect() {
            Dialect::Sqlite => self.run_sqlite(deadline).await,
            Dialect::Postgres => self.run_postgres(deadline).await,
        };
        let status = self.status().await;
        match (ran, &status) {
            (Err(error), Ok(status)) if error.kind() == MigrationErrorKind::Locked && status.is_usable() => {}
            (ran, _) => ran?,
        }
        status
    }

    /// Notes that a step without a transaction, or a backfill, is done, after a hand has finished what was left of it.
    ///
    /// # Errors
    /// `Failed` when there is no such step that was begun and not finished; `Unavailable`.
    pub async fn mark_finished(&self, owner: &str, version: i64) -> Result<(), MigrationError> {
        let status = self.status().await?;
        let mut session = self.database.session().await?;
        if status.filling.iter().any(|filling| filling.owner == owner && filling.version == version) {
            Progress::remove(&mut session, owner, version).await?;
        }
        let marked = session.execute(ledger::finish(self.database.dialect(), owner, version)).await?;
        let _ = session.close().await;
        if marked == 0 {
            let text = format!("no migration `{owner}` {version} was begun and not finished");
            return Err(MigrationError::new(MigrationErrorKind::Failed, text));
        }
        Ok(())
    }

    /// The component `migrations` of readiness, as it is now.
    pub async fn component(&self) -> Component {
        match self.status().await {
            Ok(status) => status.component(),
            Err(error) => Component::failed(error.to_string()),
        }
    }

    /// What forbids any change.
    fn check(&self, status: &MigrationStatus) -> Result<(), MigrationError> {
        if !status.drifted.is_empty() {
            let mut text = String::from("migrations were changed after they were applied");
            for drift in &status.drifted {
                // writing to a string cannot fail
                let _ = write!(
                    text,
                    "; `{}` {} `{}` was applied as {} and is now {}",
                    drift.owner, drift.version, drift.name, drift.applied, drift.known
                );
            }
            return Err(MigrationError::new(MigrationErrorKind::Drift, text));
        }
        for set in &self.sets {
            for migration in set.migrations {
                self.backfill(set, migration)?;
            }
        }
        let late = status
            .pending
            .iter()
            .find(|step| step.is_late && !self.allowed.contains(&(step.owner, step.version)));
        match late {
            None => Ok(()),
            Some(step) => {
                let text = format!(
                    "migration `{}` {} `{}` has turned up after a later one was applied, and is not allowed to",
                    step.owner, step.version, step.name
                );
                Err(MigrationError::new(MigrationErrorKind::OutOfOrder, text))
            }
        }
    }

    async fn compare(&self, session: &mut Session) -> Result<MigrationStatus, MigrationError> {
        let dialect = session.dialect();
        let is_there = !session.fetch(ledger::exists(dialect)).await?.is_empty();
        let mut status = MigrationStatus::default();
        for set in &self.sets {
            let applied = if is_there { applied(session, set.owner).await? } else { Vec::new() };
            status.compare(set, &applied, dialect, self.holds_contracts);
        }
        for filling in &mut status.filling {
            let progress = Progress::read(session, filling.owner, filling.version).await?;
            filling.changed = progress.map_or(0, |progress| progress.total);
        }
        Ok(status)
    }

    /// A step as a backfill, where it is one.
    fn backfill(
        &self,
        set: &MigrationSet,
        migration: &Migration,
    ) -> Result<Option<Backfill>, MigrationError> {
        Backfill::of(migration, self.database.dialect()).map_err(|why| {
            let text = format!(
                "migration `{}` {} `{}` cannot be run: {why}",
                set.owner, migration.version, migration.name
            );
            MigrationError::new(MigrationErrorKind::Malformed, text)
        })
    }

    fn ledger_run(&self) -> Run {
        Run { release: Some(self.release.clone()), runner: Some(lock::runner()) }
    }
}

async fn applied(session: &mut Session, owner: &str) -> Result<Vec<Entry>, MigrationError> {
    let select: Statement = ledger::select(session.dialect(), owner);
    let rows = session.fetch(select).await?;
    Ok(rows.into_iter().map(ledger::entry).collect::<Result<_, _>>()?)
}

fn unfinished(owner: &str, version: i64) -> MigrationError {
    let text = format!(
        "migration `{owner}` {version} was begun and not finished: finish by hand what it does, then mark it as finished"
    );
    MigrationError::new(MigrationErrorKind::Unfinished, text)
}
