//! Whether there is room for more events, where the server can see that: on the volume of SQLite's file.

use std::{io, path::PathBuf, time::Duration};

use catalog_core::store::{
    StoreError,
    database::Database,
    statement::{Dialect, Statement},
};
use catalog_ha::{Component, State};

/// The volume of the database.
#[derive(Clone, Debug)]
pub(crate) struct Space {
    /// None where it is the database server's own matter.
    file: Option<PathBuf>,
    least: u64,
}

/// How often it is looked at, beside readiness.
const TICK: Duration = Duration::from_secs(10);
const MIB: u64 = 1 << 20;

impl Space {
    /// That of this database, of which so many bytes are to be free.
    pub(crate) async fn of(database: &Database, least: u64) -> Result<Self, StoreError> {
        let mut select = Statement::new(database.dialect());
        let file = match database.dialect() {
            Dialect::Postgres => None,
            Dialect::Sqlite => {
                select.push("select file from pragma_database_list where name = 'main'");
                let mut rows = database.fetch(select).await?;
                rows.first_mut().map(|row| row.text(0)).transpose()?
            }
        };
        Ok(Self { file: file.map(Into::into), least })
    }

    /// Degraded while less is free than should be: what cannot be recorded any more will not be done.
    pub(crate) fn component(&self) -> Component {
        match self.free() {
            Ok(Some(free)) if free < self.least => Component::degraded(format!(
                "{} MiB are free for the database, fewer than {}",
                free / MIB,
                self.least / MIB
            )),
            Ok(_) => Component::ok(),
            Err(error) => Component::degraded(format!("the space that is free is not known: {error}")),
        }
    }

    fn free(&self) -> io::Result<Option<u64>> {
        let Some(file) = &self.file else { return Ok(None) };
        let volume = rustix::fs::statvfs(file)?;
        let free = volume.f_bavail.saturating_mul(volume.f_frsize);
        #[expect(clippy::cast_precision_loss, reason = "a gauge need not be exact")]
        metrics::gauge!("catalog_audit_free_bytes").set(free as f64);
        Ok(Some(free))
    }

    /// Counts what is free, and warns when it becomes little, for as long as it is polled.
    pub(crate) async fn watch(self) {
        let mut was = State::Ok;
        while self.file.is_some() {
            let now = self.component();
            if now.status != State::Ok && was == State::Ok {
                let why = now.detail.unwrap_or_default();
                tracing::warn!(why, "soon nothing may be changed for want of space");
            }
            was = now.status;
            tokio::time::sleep(TICK).await;
        }
    }
}
