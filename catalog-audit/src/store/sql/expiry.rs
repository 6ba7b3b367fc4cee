//! Removing a week of events with its partition.

use catalog_core::{
    clock::Timestamp,
    store::{
        StoreError, StoreErrorKind,
        database::{Database, Transaction},
        hook::Fence,
        statement::{Dialect, Statement},
    },
};

use super::{
    append, chain,
    partition::{LOCK_NOT_AVAILABLE, NOT_ALLOWED, Week, drop_week, lock_tables, weeks},
    retention::{anchor, head, is_awaited, take_out},
    seal::cursor,
};
use crate::seal::{Block, Ledger, Removal, SealKey};

/// A statement's time was over: SQLSTATE (PostgreSQL manual, appendix A).
const TOOK_TOO_LONG: &str = "57014";

/// A chain, and the time before which what was sealed of it may go.
type Chain = (Ledger, Timestamp);

pub(super) async fn drop_partition<F: Fence<Transaction>>(
    database: &Database,
    fence: &F,
    key: &SealKey,
    chains: &[Chain],
    now: Timestamp,
) -> Result<Option<usize>, StoreError> {
    for week in weeks(database).await?.into_iter().filter(|week| week.end() <= now) {
        let mut transaction = database.begin_any_tenant().await?;
        fence.check(&mut transaction).await?;
        // nobody seals meanwhile, so the chains' heads stay
        cursor(&mut transaction).await?;
        match take_week(&mut transaction, week, key, chains, now).await {
            Ok(Some(events)) => {
                transaction.commit().await?;
                return Ok(Some(events));
            }
            Ok(None) => transaction.rollback().await?,
            // what is old goes row by row then
            Err(error) if matches!(error.code(), Some(NOT_ALLOWED | LOCK_NOT_AVAILABLE | TOOK_TOO_LONG)) => {
                transaction.rollback().await?;
                return Ok(None);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// Takes a week out, if all of it may go.
async fn take_week(
    transaction: &mut Transaction,
    week: Week,
    key: &SealKey,
    chains: &[Chain],
    now: Timestamp,
) -> Result<Option<usize>, StoreError> {
    let Some(lasts) = lasts(transaction, week, chains).await? else { return Ok(None) };
    if is_waited_for(transaction, week).await? || has_strays(transaction, week).await? {
        return Ok(None);
    }
    let (mut removals, mut events) = (Vec::new(), 0);
    for ((ledger, before), last) in &lasts {
        let head = head(transaction, ledger).await?.ok_or(StoreErrorKind::Corrupt)?;
        let first = first_after(transaction, ledger).await?;
        let removal = Removal::upto(ledger, first, last, &head, key, (*before, now));
        if is_awaited(transaction, ledger, &removal, Some(week)).await? {
            return Ok(None);
        }
        take_out(transaction, ledger, &removal, Some(week)).await?;
        events += removal.events;
        removals.push(removal.record);
    }
    append::append(transaction, &removals).await?;
    // whoever was writing has ended once they are locked, and may have added to the week
    lock_tables(transaction).await?;
    if is_waited_for(transaction, week).await? {
        return Ok(None);
    }
    drop_week(transaction, week).await?;
    Ok(Some(events))
}

/// Of each chain that has places in the week the block of the last of them; none if some chain's may not go.
async fn lasts<'c>(
    transaction: &mut Transaction,
    week: Week,
    chains: &'c [Chain],
) -> Result<Option<Vec<(&'c Chain, Block)>>, StoreError> {
    let mut select = Statement::new(Dialect::Postgres);
    select.push("select h.namespace, c.sequence from catalog_audit_heads h, lateral (select sequence from catalog_audit_chain where namespace = h.namespace and ");
    week.push_is_in(&mut select, "id");
    select.push(" order by sequence desc limit 1) c");
    let mut lasts = Vec::new();
    for mut row in transaction.fetch(select).await? {
        let (namespace, sequence) = (row.text(0)?, row.integer(1)?);
        let Some(chain) = chains.iter().find(|(ledger, _)| ledger.as_str() == namespace) else {
            return Ok(None);
        };
        let mut select = Statement::new(Dialect::Postgres);
        select.push(chain::BLOCK).bind(namespace).push(" and kind = 'seal' and last_sequence >= ");
        select.bind(sequence).push(" and first_sequence <= ").bind(sequence).push(" limit 1");
        let block = transaction.fetch(select).await?.into_iter().next().map(chain::block).transpose()?;
        match block {
            Some(block) if block.terms.time_ms < chain.1.unix_ms() => lasts.push((chain, block)),
            _ => return Ok(None),
        }
    }
    Ok(Some(lasts))
}

/// Whether the sealer or some sink has not had all of the week.
async fn is_waited_for(transaction: &mut Transaction, week: Week) -> Result<bool, StoreError> {
    let mut select = Statement::new(Dialect::Postgres);
    select.push("select 1 from catalog_audit_events where ");
    week.push_is_in(&mut select, "id");
    select.push(" and position > (select min(position) from catalog_audit_cursors) limit 1");
    Ok(!transaction.fetch(select).await?.is_empty())
}

/// Whether there are others than those that have places: what was slipped in must not go unseen.
async fn has_strays(transaction: &mut Transaction, week: Week) -> Result<bool, StoreError> {
    let mut select = Statement::new(Dialect::Postgres);
    select.push("select (select count(*) from catalog_audit_events where ");
    week.push_is_in(&mut select, "id");
    select.push(") - (select count(*) from catalog_audit_chain where ");
    week.push_is_in(&mut select, "id");
    select.push(")");
    Ok(transaction.fetch(select).await?.first_mut().ok_or(StoreErrorKind::Corrupt)?.integer(0)? != 0)
}

/// The first place of a chain that is left.
async fn first_after(transaction: &mut Transaction, ledger: &Ledger) -> Result<i64, StoreError> {
    let anchor = anchor(transaction, ledger).await?;
    let mut select = Statement::new(Dialect::Postgres);
    select.push("select first_sequence from catalog_audit_blocks where kind = 'seal' and namespace = ");
    select.bind(ledger.as_str()).push(" and number > ").bind(anchor).push(" order by number limit 1");
    transaction.fetch(select).await?.first_mut().ok_or(StoreErrorKind::Corrupt)?.integer(0)
}
