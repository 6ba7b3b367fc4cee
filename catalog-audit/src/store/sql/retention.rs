//! Removing old events, block by block.

use catalog_core::{
    clock::Timestamp,
    store::{StoreError, database::Transaction, hook::Fence, statement::Statement},
};

use super::{
    SqlAuditStore, append, chain, expiry,
    partition::{self, Week},
    seal::cursor,
};
use crate::{
    seal::{Head, Ledger, Removal, SealKey, remove},
    store::{Expiry, Partitions, RetentionStore},
};

/// So many blocks are looked at for one removal.
const BLOCKS: usize = 256;

impl RetentionStore for SqlAuditStore {
    async fn expire<F: Fence<Transaction>>(
        &self,
        fence: &F,
        ledger: &Ledger,
        key: &SealKey,
        expiry: Expiry,
    ) -> Result<usize, StoreError> {
        let mut transaction = self.database.begin_any_tenant().await?;
        fence.check(&mut transaction).await?;
        // nobody seals meanwhile, so the chain's head stays
        cursor(&mut transaction).await?;
        let Some(head) = head(&mut transaction, ledger).await? else { return Ok(0) };
        let anchor = anchor(&mut transaction, ledger).await?;
        let mut blocks = Statement::new(transaction.dialect());
        blocks.push(chain::BLOCK).bind(ledger.as_str()).push(" and number > ").bind(anchor);
        blocks.push(" and kind = 'seal' order by number limit ").push_count(BLOCKS);
        let rows = transaction.fetch(blocks).await?;
        let blocks = rows.into_iter().map(chain::block).collect::<Result<Vec<_>, _>>()?;
        let removal = remove(ledger, blocks, &head, key, (expiry.before, expiry.now), expiry.most);
        let Some(removal) = removal else { return Ok(0) };
        if is_awaited(&mut transaction, ledger, &removal, None).await? {
            return Ok(0);
        }
        take_out(&mut transaction, ledger, &removal, None).await?;
        append::append(&mut transaction, std::slice::from_ref(&removal.record)).await?;
        transaction.commit().await?;
        Ok(removal.events)
    }

    async fn make_partitions<F: Fence<Transaction>>(
        &self,
        fence: &F,
        now: Timestamp,
    ) -> Result<Partitions, StoreError> {
        partition::make(&self.database, fence, now).await
    }

    async fn drop_partition<F: Fence<Transaction>>(
        &self,
        fence: &F,
        key: &SealKey,
        chains: &[(Ledger, Timestamp)],
        now: Timestamp,
    ) -> Result<Option<usize>, StoreError> {
        expiry::drop_partition(&self.database, fence, key, chains, now).await
    }

    async fn begin_of_partition(&self, time: Timestamp) -> Result<Timestamp, StoreError> {
        let weeks = partition::weeks(&self.database).await?;
        let week = weeks.iter().find(|week| (week.begin()..week.end()).contains(&time));
        Ok(week.map_or(time, |week| week.begin()))
    }
}

pub(super) async fn head(transaction: &mut Transaction, ledger: &Ledger) -> Result<Option<Head>, StoreError> {
    let mut select = Statement::new(transaction.dialect());
    select.push(chain::HEAD).push(" where namespace = ").bind(ledger.as_str());
    let row = transaction.fetch(select).await?.into_iter().next();
    Ok(row.map(chain::head).transpose()?.map(|(_, head)| head))
}

/// The last block that was removed.
pub(super) async fn anchor(transaction: &mut Transaction, ledger: &Ledger) -> Result<i64, StoreError> {
    let mut select = Statement::new(transaction.dialect());
    select.push(
        "select coalesce(max(anchor), 0) from catalog_audit_blocks where kind = 'removal' and namespace = ",
    );
    select.bind(ledger.as_str());
    transaction.fetch(select).await?.first_mut().map_or(Ok(0), |row| row.integer(0))
}

/// Whether some sink has not had all of it yet, but for what is in that partition.
pub(super) async fn is_awaited(
    transaction: &mut Transaction,
    ledger: &Ledger,
    removal: &Removal,
    but: Option<Week>,
) -> Result<bool, StoreError> {
    let mut select = Statement::new(transaction.dialect());
    select.push(
        "select 1 from catalog_audit_events a join catalog_audit_chain c on c.id = a.id where c.namespace = ",
    );
    select.bind(ledger.as_str()).push(" and c.sequence <= ").bind(removal.last_sequence);
    if let Some(week) = but {
        week.push_is_in(select.push(" and not "), "c.id");
    }
    select.push(
        " and a.position > (select min(position) from catalog_audit_cursors where name <> 'seal') limit 1",
    );
    Ok(!transaction.fetch(select).await?.is_empty())
}

/// Takes events, places and blocks out, but for what is in that partition, and puts on record that all of it is gone.
pub(super) async fn take_out(
    transaction: &mut Transaction,
    ledger: &Ledger,
    removal: &Removal,
    but: Option<Week>,
) -> Result<(), StoreError> {
    let dialect = transaction.dialect();
    let places = |text: &'static str| {
        let mut delete = Statement::new(dialect);
        delete.push(text).push(" where namespace = ").bind(ledger.as_str());
        delete.push(" and sequence <= ").bind(removal.last_sequence);
        if let Some(week) = but {
            week.push_is_in(delete.push(" and not "), "id");
        }
        delete
    };
    let mut events =
        places("delete from catalog_audit_events where id in (select id from catalog_audit_chain");
    events.push(")");
    transaction.execute(events).await?;
    transaction.execute(places("delete from catalog_audit_chain")).await?;
    let mut blocks = Statement::new(dialect);
    blocks.push("delete from catalog_audit_blocks where number <= ").bind(removal.last_number);
    blocks.push(" and namespace = ").bind(ledger.as_str());
    transaction.execute(blocks).await?;
    transaction.execute(chain::insert_block(dialect, &removal.block)).await?;
    transaction.execute(chain::put_head(dialect, ledger.as_str(), &removal.head)).await?;
    Ok(())
}
