//! Telling of requests that were cut off.

use catalog_core::{
    clock::Timestamp,
    store::{StoreError, database::Transaction, statement::Statement},
};

use super::{append::COLUMNS, bind_id, push_id, read::first_id};
use crate::{event::id, store::Swept};

pub(super) async fn sweep(
    transaction: &mut Transaction,
    before: Timestamp,
    most: usize,
) -> Result<Swept, StoreError> {
    let dialect = transaction.dialect();
    let mut select = Statement::new(dialect);
    // their ids are as old as they
    push_id(select.push("select "), "id").push(" from catalog_audit_intents where id < ");
    bind_id(&mut select, first_id(before));
    select.push(" order by id limit ").push_count(most);
    let mut rows = transaction.fetch(select).await?;
    let intents = rows.len();
    let Some(last) = rows.last_mut() else { return Ok(Swept::default()) };
    let last = id(&last.bytes(0)?)?;
    let mut insert = Statement::new(dialect);
    insert.push("insert into catalog_audit_events (").push(COLUMNS).push(") select ").push(COLUMNS);
    bind_id(insert.push(" from catalog_audit_intents where id <= "), last);
    insert.push(" on conflict (id) do nothing");
    let orphans = transaction.execute(insert).await?;
    let mut delete = Statement::new(dialect);
    bind_id(delete.push("delete from catalog_audit_intents where id <= "), last);
    transaction.execute(delete).await?;
    Ok(Swept { intents, orphans: usize::try_from(orphans).unwrap_or(usize::MAX) })
}
