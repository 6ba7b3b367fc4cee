//! Handing sealed events on to sinks.

use catalog_core::{
    clock::{Clock, SystemClock},
    store::{StoreError, StoreErrorKind, statement::Statement},
};

use super::{SqlAuditStore, read};
use crate::store::{Cursor, OutboxStore, Stored};

impl OutboxStore for SqlAuditStore {
    async fn outbox_any_tenant(&self, after: i64, most: usize) -> Result<Vec<(i64, Stored)>, StoreError> {
        let mut select = read::select(self.database.dialect(), ", a.position");
        select.push("catalog_audit_events a join catalog_audit_chain c on c.id = a.id where a.position > ");
        select.bind(after);
        select.push(" and a.position <= (select position from catalog_audit_cursors where name = 'seal')");
        select.push(" order by a.position limit ").push_count(most);
        let rows = self.database.fetch_any_tenant(select).await?;
        rows.into_iter().map(|mut row| Ok((row.integer(read::COLUMNS)?, read::stored(row)?))).collect()
    }

    async fn cursor(&self, sink: &str) -> Result<Cursor, StoreError> {
        let mut select = Statement::new(self.database.dialect());
        select.push("select position, parked from catalog_audit_cursors where name = ").bind(named(sink));
        let mut rows = self.database.fetch(select).await?;
        let Some(row) = rows.first_mut() else { return Ok(Cursor::default()) };
        Ok(Cursor { position: row.integer(0)?, parked: Some(row.text(1)?).filter(|text| !text.is_empty()) })
    }

    async fn set_cursor(&self, sink: &str, cursor: &Cursor) -> Result<(), StoreError> {
        let mut transaction = self.database.begin().await?;
        let mut upsert = Statement::new(transaction.dialect());
        upsert.push("insert into catalog_audit_cursors (name, position, parked, time_ms) values (");
        upsert.bind(named(sink)).push(", ").bind(cursor.position).push(", ");
        upsert.bind(cursor.parked.clone().unwrap_or_default()).push(", ").bind(SystemClock.now().unix_ms());
        upsert.push(
            ") on conflict (name) do update set position = excluded.position, parked = excluded.parked, \
             time_ms = excluded.time_ms",
        );
        if transaction.execute(upsert).await? != 1 {
            return Err(StoreErrorKind::Conflict.into());
        }
        transaction.commit().await
    }

    async fn forget(&self, sink: &str) -> Result<(), StoreError> {
        let mut transaction = self.database.begin().await?;
        let mut delete = Statement::new(transaction.dialect());
        delete.push("delete from catalog_audit_cursors where name = ").bind(named(sink));
        transaction.execute(delete).await?;
        transaction.commit().await
    }
}

/// No sink is called as the sealer is.
fn named(sink: &str) -> String {
    format!("sink:{sink}")
}
