use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use catalog_core::store::{
    StoreError,
    database::{Database, Row},
    statement::{Dialect, Statement},
};
use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;

use super::{Claim, LeaseError, LeaseErrorKind, LeaseName, LeaseRecord, LeaseStore, Version};
use crate::sql::{Line, now};

/// Leases in rows of a database, which has been [migrated](crate::MIGRATIONS). Clones share one connection, which is none of the pool's: a
/// renewal never waits behind requests, and works behind a pooler, since each is one statement.
///
/// Whether a lease has ended is judged by the clock of the database and no other, so those of the candidates may show what they like.
/// Candidates on PostgreSQL hear at once of a lease that was released; on SQLite, where one process is the rule, they find it out.
#[derive(Clone, Debug)]
pub struct DatabaseLeaseStore {
    line: Line,
    released: Arc<Released>,
}

/// What is heard of leases that were released.
#[derive(Debug, Default)]
struct Released {
    heard: Arc<Notify>,
    listening: OnceLock<AbortOnDropHandle<()>>,
}

/// The channel of PostgreSQL's NOTIFY.
const CHANNEL: &str = "catalog_ha_leases";
/// How long after it was lost the connection that listens is made anew.
const PAUSE: Duration = Duration::from_secs(5);

impl DatabaseLeaseStore {
    /// In that database.
    pub fn new(database: Database) -> Self {
        Self { line: Line::new(database), released: Arc::default() }
    }

    /// The version that was written; none if the row was not as it had to be.
    async fn write(&self, statement: Statement) -> Result<Version, LeaseError> {
        let rows = self.line.fetch(statement).await?;
        let mut row = rows.into_iter().next().ok_or(LeaseErrorKind::Conflict)?;
        Ok(Version::new(row.integer(0)?.to_string()))
    }
}

impl LeaseStore for DatabaseLeaseStore {
    async fn read(&self, name: &LeaseName) -> Result<Option<LeaseRecord>, LeaseError> {
        let dialect = self.line.dialect();
        let mut select = Statement::new(dialect);
        select.push("select holder, version, duration_ms, expires_at_ms - ").push(now(dialect));
        select.push(" from catalog_ha_leases where name = ").bind(name.as_str());
        let row = self.line.fetch(select).await?.into_iter().next();
        Ok(row.map(record).transpose()?)
    }

    async fn claim(&self, name: &LeaseName, claim: &Claim) -> Result<Version, LeaseError> {
        let duration = i64::try_from(claim.duration.as_millis()).unwrap_or(i64::MAX / 2);
        let statement = match &claim.replaces {
            None => insert(self.line.dialect(), name, &claim.holder, duration),
            Some(version) => update(self.line.dialect(), name, &claim.holder, duration, number(version)?),
        };
        self.write(statement).await
    }

    async fn release(&self, name: &LeaseName, holder: &str, version: &Version) -> Result<(), LeaseError> {
        let release = release(self.line.dialect(), name, holder, number(version)?);
        if self.line.fetch(release).await?.is_empty() {
            return Err(LeaseErrorKind::Conflict.into());
        }
        Ok(())
    }

    async fn changed(&self, _: &LeaseName) {
        if self.line.dialect() != Dialect::Postgres {
            return std::future::pending().await;
        }
        let heard = self.released.heard.notified();
        self.released.listening.get_or_init(|| {
            let (database, heard) = (self.line.database().clone(), Arc::clone(&self.released.heard));
            AbortOnDropHandle::new(tokio::spawn(async move { listen(&database, &heard).await }))
        });
        heard.await;
    }
}

/// Tells of each lease that is released, for ever. That there is no connection is no harm: whoever waits looks for itself, too.
async fn listen(database: &Database, heard: &Notify) {
    loop {
        let ended = async {
            let Some(mut news) = database.notifications(CHANNEL).await? else { return Ok(()) };
            loop {
                news.next().await?;
                heard.notify_waiters();
            }
        };
        let ended: Result<(), StoreError> = ended.await;
        if let Err(error) = ended {
            let error = &error as &dyn std::error::Error;
            tracing::debug!(error, "does not hear of leases that are released");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// A new one begins with a version that no earlier one of its name had.
fn insert(dialect: Dialect, name: &LeaseName, holder: &str, duration: i64) -> Statement {
    let mut insert = Statement::new(dialect);
    insert.push("insert into catalog_ha_leases (name, holder, version, duration_ms, expires_at_ms, acquired_at_ms, transitions) values (");
    insert
        .bind(name.as_str())
        .push(", ")
        .bind(holder)
        .push(", ")
        .push(now(dialect))
        .push(", ")
        .bind(duration);
    insert.push(", ").push(now(dialect)).push(" + ").bind(duration).push(", ").push(now(dialect));
    insert.push(", 0) on conflict (name) do nothing returning version");
    insert
}

fn update(dialect: Dialect, name: &LeaseName, holder: &str, duration: i64, version: i64) -> Statement {
    let mut update = Statement::new(dialect);
    update.push("update catalog_ha_leases set holder = ").bind(holder);
    update.push(", version = version + 1, duration_ms = ").bind(duration);
    update.push(", expires_at_ms = ").push(now(dialect)).push(" + ").bind(duration);
    update.push(", acquired_at_ms = case when holder = ").bind(holder).push(" then acquired_at_ms else ");
    update.push(now(dialect)).push(" end, transitions = transitions + case when holder = ").bind(holder);
    update.push(" then 0 else 1 end where name = ").bind(name.as_str()).push(" and version = ").bind(version);
    update.push(" and (holder = '' or holder = ").bind(holder).push(" or expires_at_ms <= ");
    update.push(now(dialect)).push(") returning version");
    update
}

fn release(dialect: Dialect, name: &LeaseName, holder: &str, version: i64) -> Statement {
    let mut release = Statement::new(dialect);
    release.push("update catalog_ha_leases set holder = '', version = version + 1, expires_at_ms = ");
    release
        .push(now(dialect))
        .push(" where name = ")
        .bind(name.as_str())
        .push(" and version = ")
        .bind(version);
    release.push(" and holder = ").bind(holder).push(" returning name");
    match dialect {
        Dialect::Sqlite => release,
        Dialect::Postgres => release.between(
            "with released as (",
            ") select pg_notify('catalog_ha_leases', name)::text from released",
        ),
    }
}

fn record(mut row: Row) -> Result<LeaseRecord, StoreError> {
    let holder = Some(row.text(0)?).filter(|holder| !holder.is_empty());
    let version = row.integer(1)?.to_string();
    let span = |ms: i64| Duration::from_millis(u64::try_from(ms).unwrap_or(0));
    Ok(LeaseRecord {
        holder,
        version: Version::new(version.clone()),
        heartbeat: version,
        duration: span(row.integer(2)?),
        remaining: Some(span(row.integer(3)?)),
    })
}

fn number(version: &Version) -> Result<i64, LeaseError> {
    version.as_str().parse().map_err(|error| LeaseError::new(LeaseErrorKind::Refused, error))
}
