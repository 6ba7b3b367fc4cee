//! Removing old events, block by block.

use catalog_core::store::{StoreError, database::Transaction, hook::Fence, statement::Statement};

use super::{SqlAuditStore, append, chain, seal::cursor};
use crate::{
    seal::{Head, Ledger, Removal, SealKey, remove},
    store::{Expiry, RetentionStore},
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
        if is_awaited(&mut transaction, ledger, &removal).await? {
            return Ok(0);
        }
        take_out(&mut transaction, ledger, &removal).await?;
        append::append(&mut transaction, std::slice::from_ref(&removal.record)).await?;
        transaction.commit().await?;
        Ok(removal.events)
    }
}

async fn head(transaction: &mut Transaction, ledger: &Ledger) -> Result<Option<Head>, StoreError> {
    let mut select = Statement::new(transaction.dialect());
    select.push(chain::HEAD).push(" where namespace = ").bind(ledger.as_str());
    let row = transaction.fetch(select).await?.into_iter().next();
    Ok(row.map(chain::head).transpose()?.map(|(_, head)| head))
}

/// The last block that was removed.
async fn anchor(transaction: &mut Transaction, ledger: &Ledger) -> Result<i64, StoreError> {
    let mut select = Statement::new(transaction.dialect());
    select.push(
        "select coalesce(max(anchor), 0) from catalog_audit_blocks where kind = 'removal' and namespace = ",
    );
    select.bind(ledger.as_str());
    transaction.fetch(select).await?.first_mut().map_or(Ok(0), |row| row.integer(0))
}

/// Whether some sink has not had all of it yet.
async fn is_awaited(
    transaction: &mut Transaction,
    ledger: &Ledger,
    removal: &Removal,
) -> Result<bool, StoreError> {
    let mut select = Statement::new(transaction.dialect());
    select.push(
        "select 1 from catalog_audit_events a join catalog_audit_chain c on c.id = a.id where c.namespace = ",
    );
    select.bind(ledger.as_str()).push(" and c.sequence <= ").bind(removal.last_sequence);
    select.push(
        " and a.position > (select min(position) from catalog_audit_cursors where name <> 'seal') limit 1",
    );
    Ok(!transaction.fetch(select).await?.is_empty())
}

async fn take_out(
    transaction: &mut Transaction,
    ledger: &Ledger,
    removal: &Removal,
) -> Result<(), StoreError> {
    let dialect = transaction.dialect();
    let mut events = Statement::new(dialect);
    events.push(
        "delete from catalog_audit_events where id in (select id from catalog_audit_chain where namespace = ",
    );
    events.bind(ledger.as_str()).push(" and sequence <= ").bind(removal.last_sequence).push(")");
    transaction.execute(events).await?;
    for (text, last) in [
        ("delete from catalog_audit_chain where sequence <= ", removal.last_sequence),
        ("delete from catalog_audit_blocks where number <= ", removal.last_number),
    ] {
        let mut delete = Statement::new(dialect);
        delete.push(text).bind(last).push(" and namespace = ").bind(ledger.as_str());
        transaction.execute(delete).await?;
    }
    transaction.execute(chain::insert_block(dialect, &removal.block)).await?;
    transaction.execute(chain::put_head(dialect, ledger.as_str(), &removal.head)).await?;
    Ok(())
}
