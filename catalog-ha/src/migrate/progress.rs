//! How far a backfill has come.

use catalog_core::store::{
    Session, StoreError,
    statement::{Dialect, Statement},
};

/// Made when the first backfill begins.
pub(super) const CREATE: &str = "create table if not exists catalog_ha_backfills (
    owner text not null, version bigint not null, after_key text, changed bigint not null, total bigint not null,
    primary key (owner, version))";

/// As it is written with each few rows, in their transaction.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Progress {
    /// The key of the last row that was gone through, as JSON; none at the beginning of a pass.
    pub(super) after: Option<String>,
    /// So many rows were changed in this pass.
    pub(super) changed: i64,
    /// And so many in all.
    pub(super) total: i64,
}

impl Progress {
    /// On PostgreSQL nobody else goes on with it until the transaction ends; on SQLite nobody writes at all.
    pub(super) async fn lock(
        session: &mut Session,
        owner: &str,
        version: i64,
    ) -> Result<Option<Self>, StoreError> {
        let suffix = if session.dialect() == Dialect::Postgres { " for update" } else { "" };
        Self::select(session, owner, version, suffix).await
    }

    pub(super) async fn read(
        session: &mut Session,
        owner: &str,
        version: i64,
    ) -> Result<Option<Self>, StoreError> {
        Self::select(session, owner, version, "").await
    }

    async fn select(
        session: &mut Session,
        owner: &str,
        version: i64,
        suffix: &'static str,
    ) -> Result<Option<Self>, StoreError> {
        let mut select = Statement::new(session.dialect());
        select.push("select after_key, changed, total from catalog_ha_backfills where owner = ").bind(owner);
        select.push(" and version = ").bind(version).push(suffix);
        let Some(mut row) = session.fetch(select).await?.into_iter().next() else { return Ok(None) };
        Ok(Some(Self { after: row.take_text(0)?, changed: row.integer(1)?, total: row.integer(2)? }))
    }

    pub(super) async fn write(
        &self,
        session: &mut Session,
        owner: &str,
        version: i64,
    ) -> Result<(), StoreError> {
        let mut write = Statement::new(session.dialect());
        write.push("insert into catalog_ha_backfills (owner, version, after_key, changed, total) values (");
        write.bind(owner).push(", ").bind(version).push(", ").bind(self.after.clone());
        write.push(", ").bind(self.changed).push(", ").bind(self.total);
        write.push(") on conflict (owner, version) do update set after_key = excluded.after_key, ");
        write.push("changed = excluded.changed, total = excluded.total");
        session.execute(write).await.map(drop)
    }

    pub(super) async fn remove(session: &mut Session, owner: &str, version: i64) -> Result<(), StoreError> {
        let mut delete = Statement::new(session.dialect());
        delete.push("delete from catalog_ha_backfills where owner = ").bind(owner);
        delete.push(" and version = ").bind(version);
        session.execute(delete).await.map(drop)
    }
}
