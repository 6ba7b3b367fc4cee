use std::time::Duration;

use catalog_core::store::{
    StoreError, StoreErrorKind,
    database::{Database, Transaction},
    hook::Fence,
    statement::{Dialect, Statement},
};

use super::{FenceStore, FencingToken};
use crate::{
    elector::LeaderGuard,
    lease::{LeaseError, LeaseErrorKind, LeaseName},
    sql::Line,
};

/// Tokens in rows of a database, which has been [migrated](crate::MIGRATIONS): that which the leaders write to, so that their transactions can
/// check their token. Clones share one connection, which is none of the pool's.
#[derive(Clone, Debug)]
pub struct DatabaseFenceStore {
    line: Line,
    has_timelines: bool,
}

/// The timeline of a PostgreSQL server: another one after each failover.
const TIMELINE: &str = "('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::bigint";

/// So long a transaction that has checked its token may be idle at most before PostgreSQL ends it, and no longer than the lease lasts: the
/// next leader waits for it, and its process may have been stopped.
const LONGEST_IDLE: Duration = Duration::from_secs(15);

impl DatabaseFenceStore {
    /// In that database. Of a server that can tell of its timelines, the tokens have them.
    ///
    /// # Errors
    /// By kind: `Unavailable`.
    pub async fn open(database: Database) -> Result<Self, StoreError> {
        let line = Line::new(database);
        let has_timelines = line.dialect() == Dialect::Postgres && {
            let mut select = Statement::new(line.dialect());
            select.push("select ").push(TIMELINE);
            match line.fetch(select).await {
                Ok(_) => true,
                Err(error) if error.kind() == StoreErrorKind::Unavailable => return Err(error),
                // an engine that only speaks as PostgreSQL does has none
                Err(_) => false,
            }
        };
        Ok(Self { line, has_timelines })
    }

    fn timeline(&self) -> &'static str {
        if self.has_timelines { TIMELINE } else { "0" }
    }
}

impl FenceStore for DatabaseFenceStore {
    async fn newest(&self, name: &LeaseName) -> Result<FencingToken, LeaseError> {
        let mut select = Statement::new(self.line.dialect());
        select.push("select timeline, number from catalog_ha_fences where name = ").bind(name.as_str());
        match self.line.fetch(select).await?.into_iter().next() {
            None => Ok(FencingToken::default()),
            Some(mut row) => Ok(FencingToken { timeline: row.integer(0)?, number: row.integer(1)? }),
        }
    }

    async fn raise(
        &self,
        name: &LeaseName,
        newest: FencingToken,
        holder: &str,
    ) -> Result<FencingToken, LeaseError> {
        let mut raise = Statement::new(self.line.dialect());
        if newest == FencingToken::default() {
            raise.push("insert into catalog_ha_fences (name, timeline, number, holder) values (");
            raise.bind(name.as_str()).push(", ").push(self.timeline()).push(", 1, ").bind(holder);
            raise.push(") on conflict (name) do nothing returning timeline, number");
        } else {
            raise.push("update catalog_ha_fences set number = number + 1, timeline = ").push(self.timeline());
            raise.push(", holder = ").bind(holder).push(" where name = ").bind(name.as_str());
            raise.push(" and number = ").bind(newest.number).push(" and timeline = ").bind(newest.timeline);
            raise.push(" returning timeline, number");
        }
        let rows = self.line.fetch(raise).await?;
        let mut row = rows.into_iter().next().ok_or(LeaseErrorKind::Conflict)?;
        Ok(FencingToken { timeline: row.integer(0)?, number: row.integer(1)? })
    }
}

impl LeaderGuard {
    /// Makes a transaction one of this leader: it fails if there is a newer token, and until it ends there will be none. To be called last
    /// before the commit, since the next leader waits for it; a transaction that is idle
    /// after that for longer than the lease lasts, or 15 s, is ended.
    ///
    /// # Errors
    /// [`Fenced`](StoreErrorKind::Fenced) when somebody else leads or may lead; `Unavailable`, `Internal`.
    pub async fn fenced(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        if !self.is_leading() {
            return Err(StoreErrorKind::Fenced.into());
        }
        let (dialect, token) = (transaction.dialect(), self.token());
        let mut select = Statement::new(dialect);
        select.push("select number");
        if dialect == Dialect::Postgres {
            let idle = self.lasts().min(LONGEST_IDLE).as_millis().to_string();
            select.push(", set_config('idle_in_transaction_session_timeout', ").bind(idle).push(", true)");
        }
        select.push(" from catalog_ha_fences where name = ").bind(self.lease().as_str());
        select.push(" and number = ").bind(token.number).push(" and timeline = ").bind(token.timeline);
        if token.timeline != 0 {
            select.push(" and timeline = ").push(TIMELINE);
        }
        if dialect == Dialect::Postgres {
            select.push(" for share");
        }
        if transaction.fetch(select).await?.is_empty() {
            return Err(StoreErrorKind::Fenced.into());
        }
        Ok(())
    }
}

impl Fence<Transaction> for LeaderGuard {
    async fn check(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        self.fenced(transaction).await
    }
}
