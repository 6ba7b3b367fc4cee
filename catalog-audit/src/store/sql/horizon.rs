//! Behind which position no event can appear any more.
//!
//! PostgreSQL's transactions take positions in one order and are committed in another. Whoever adds an event holds a lock on the table,
//! from before it takes a position until its transaction ends; so once all have ended that held the lock when a position had been
//! taken, whatever is at or below it is there or never will be. Unlike the oldest transaction of a snapshot, this waits for nobody who
//! does something else, in this database or in another one of the server.

use std::{collections::HashSet, time::Duration};

use catalog_core::store::{
    StoreError, StoreErrorKind,
    database::Transaction,
    statement::{Dialect, Statement},
};

const TAKEN: &str =
    "select case when is_called then last_value else 0 end from catalog_audit_events_position_seq";
const WRITERS: &str = "select virtualtransaction from pg_locks where locktype = 'relation' \
    and relation = 'catalog_audit_events'::regclass and mode = 'RowExclusiveLock' and granted \
    and database = (select oid from pg_database where datname = current_database())";

/// How often and how many times it is asked whether they have ended: a change takes milliseconds.
const POLL: Duration = Duration::from_millis(5);
const POLLS: usize = 100;

/// The last position that is settled; none if there is none after `after`, or somebody takes too long.
pub(super) async fn settled(transaction: &mut Transaction, after: i64) -> Result<Option<i64>, StoreError> {
    if transaction.dialect() == Dialect::Sqlite {
        // there is one writer, and this is it
        return Ok(Some(i64::MAX));
    }
    let mut taken = Statement::new(transaction.dialect());
    taken.push(TAKEN);
    let taken = transaction.fetch(taken).await?.first_mut().ok_or(StoreErrorKind::Corrupt)?.integer(0)?;
    if taken <= after {
        return Ok(None);
    }
    let mut waited_for = writers(transaction).await?;
    for _ in 0..POLLS {
        if waited_for.is_empty() {
            return Ok(Some(taken));
        }
        tokio::time::sleep(POLL).await;
        let still = writers(transaction).await?;
        waited_for.retain(|writer| still.contains(writer));
    }
    tracing::info!("audit events are not sealed yet, for a transaction that adds some takes long");
    Ok(None)
}

async fn writers(transaction: &mut Transaction) -> Result<HashSet<String>, StoreError> {
    let mut select = Statement::new(transaction.dialect());
    select.push(WRITERS);
    transaction.fetch(select).await?.into_iter().map(|mut row| row.text(0)).collect()
}
