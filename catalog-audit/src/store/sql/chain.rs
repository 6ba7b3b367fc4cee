//! Reading and writing chains.

use catalog_core::{
    clock::Timestamp,
    store::{
        StoreError, StoreErrorKind,
        database::{Database, Row, Transaction},
        hook::Fence,
        statement::{Dialect, Statement},
    },
    tenant::TenantScope,
};
use uuid::Uuid;

use super::{SqlAuditStore, entries, push_id, push_scope, seal};
use crate::{
    event::{hash, id},
    seal::{Block, BlockKind, Head, Ledger, SealKey, Terms},
    store::{Entry, SealStore},
};

pub(super) const HEAD: &str = "select namespace, sequence, hash, number, block_hash from catalog_audit_heads";
pub(super) const BLOCK: &str = "select namespace, number, kind, first_sequence, last_sequence, previous_hash, head_hash, anchor, \
                     previous_block_hash, block_hash, time_ms, key_id, signature from catalog_audit_blocks where namespace = ";

impl SealStore for SqlAuditStore {
    type Transaction = Transaction;

    async fn seal<F: Fence<Transaction>>(
        &self,
        fence: &F,
        key: &SealKey,
        now: Timestamp,
        most: usize,
    ) -> Result<usize, StoreError> {
        seal::seal(&self.database, fence, key, now, most).await
    }

    async fn ledgers(&self, scope: &TenantScope) -> Result<Vec<Ledger>, StoreError> {
        let mut select = Statement::new(self.database.dialect());
        select.push("select namespace from catalog_audit_heads where ");
        push_scope(&mut select, scope, "namespace");
        select.push(" order by namespace");
        let rows = self.database.fetch(select).await?;
        let names = rows.into_iter().map(|mut row| row.text(0)).collect::<Result<Vec<_>, _>>()?;
        Ok(names.iter().filter_map(|name| Ledger::stored(scope, name)).collect())
    }

    async fn head(&self, ledger: &Ledger) -> Result<Option<Head>, StoreError> {
        let mut select = self.select(ledger);
        select.push(HEAD).push(" where namespace = ").bind(ledger.as_str());
        let rows = self.database.fetch(select).await?;
        Ok(rows.into_iter().next().map(head).transpose()?.map(|(_, head)| head))
    }

    async fn blocks(&self, ledger: &Ledger, after: i64, most: usize) -> Result<Vec<Block>, StoreError> {
        let mut select = self.select(ledger);
        select.push(BLOCK).bind(ledger.as_str()).push(" and number > ").bind(after);
        select.push(" order by number limit ").push_count(most);
        self.database.fetch(select).await?.into_iter().map(block).collect()
    }

    async fn block_of(&self, ledger: &Ledger, sequence: i64) -> Result<Option<Block>, StoreError> {
        let mut select = self.select(ledger);
        select
            .push(BLOCK)
            .bind(ledger.as_str())
            .push(" and kind = 'seal' and first_sequence <= ")
            .bind(sequence);
        select.push(" and last_sequence >= ").bind(sequence).push(" order by number limit 1");
        one_block(&self.database, select).await
    }

    async fn removal(&self, ledger: &Ledger) -> Result<Option<Block>, StoreError> {
        let mut select = self.select(ledger);
        select.push(BLOCK).bind(ledger.as_str()).push(" and kind = 'removal' order by number desc limit 1");
        one_block(&self.database, select).await
    }

    async fn entries(&self, ledger: &Ledger, after: i64, most: usize) -> Result<Vec<Entry>, StoreError> {
        entries::entries(&self.database, ledger, after, most).await
    }

    async fn first_unsealed_any_tenant(&self) -> Result<Option<Uuid>, StoreError> {
        let mut select = Statement::new(self.database.dialect());
        push_id(select.push("select "), "id").push(" from catalog_audit_events where position > ");
        select.push(
            "(select position from catalog_audit_cursors where name = 'seal') order by position limit 1",
        );
        let mut rows = self.database.fetch_any_tenant(select).await?;
        rows.first_mut().map(|row| id(&row.bytes(0)?)).transpose()
    }

    async fn stray(
        &self,
        ledger: &Ledger,
        each_place_has_its_event: bool,
    ) -> Result<Option<Uuid>, StoreError> {
        if each_place_has_its_event && self.has_as_many_events_as_places(ledger).await? {
            return Ok(None);
        }
        let mut select = self.select(ledger);
        push_id(select.push("select "), "a.id")
            .push(" from catalog_audit_events a, catalog_audit_cursors s where a.namespace = ");
        select.bind(ledger.as_str()).push(" and s.name = 'seal' and a.position <= s.position");
        select.push(" and not exists (select 1 from catalog_audit_chain c where c.id = a.id) limit 1");
        let mut rows = self.database.fetch(select).await?;
        rows.first_mut().map(|row| id(&row.bytes(0)?)).transpose()
    }
}

impl SqlAuditStore {
    /// An empty statement that reads of that chain.
    fn select(&self, ledger: &Ledger) -> Statement {
        let mut select = Statement::new(self.database.dialect());
        select.within(ledger.scope());
        select
    }

    /// Those that are not sealed yet, of whom there are few, left out of account.
    async fn has_as_many_events_as_places(&self, ledger: &Ledger) -> Result<bool, StoreError> {
        let (mut select, namespace) = (self.select(ledger), ledger.as_str());
        select.push("select (select count(*) from catalog_audit_events where namespace = ").bind(namespace);
        select.push(") - (select count(*) from catalog_audit_chain where namespace = ").bind(namespace);
        // in that order, so that no more are looked at than there are
        select
            .push(") - (select count(*) from (select namespace from catalog_audit_events where position > ");
        select.push(
            "(select position from catalog_audit_cursors where name = 'seal') order by position limit ",
        );
        select.push_count(UNSEALED).push(") l where namespace = ").bind(namespace).push(")");
        let mut rows = self.database.fetch(select).await?;
        Ok(rows.first_mut().ok_or(StoreErrorKind::Corrupt)?.integer(0)? == 0)
    }
}

/// So many events that are not sealed yet are counted at most.
const UNSEALED: usize = 10_000;

pub(super) fn head(mut row: Row) -> Result<(String, Head), StoreError> {
    let head = Head {
        sequence: row.integer(1)?,
        hash: hash(row.bytes(2)?)?,
        number: row.integer(3)?,
        block_hash: hash(row.bytes(4)?)?,
    };
    Ok((row.text(0)?, head))
}

async fn one_block(database: &Database, select: Statement) -> Result<Option<Block>, StoreError> {
    database.fetch(select).await?.into_iter().next().map(block).transpose()
}

pub(super) fn block(mut row: Row) -> Result<Block, StoreError> {
    let kind = BlockKind::parse(&row.text(2)?);
    let terms = Terms {
        namespace: row.text(0)?,
        number: row.integer(1)?,
        kind: kind
            .ok_or_else(|| StoreError::new(StoreErrorKind::Corrupt, "the block is of no known kind"))?,
        first_sequence: row.integer(3)?,
        last_sequence: row.integer(4)?,
        previous_hash: hash(row.bytes(5)?)?,
        head_hash: hash(row.bytes(6)?)?,
        anchor: row.integer(7)?,
        previous_block_hash: hash(row.bytes(8)?)?,
        time_ms: row.integer(10)?,
    };
    Ok(Block { terms, hash: hash(row.bytes(9)?)?, key_id: row.text(11)?, signature: row.bytes(12)? })
}

pub(super) fn insert_block(dialect: Dialect, block: &Block) -> Statement {
    let terms = &block.terms;
    let mut insert = Statement::new(dialect);
    insert.push(
        "insert into catalog_audit_blocks (namespace, number, kind, first_sequence, last_sequence, previous_hash, head_hash, \
         anchor, previous_block_hash, block_hash, time_ms, key_id, signature) values (",
    );
    insert.bind(terms.namespace.as_str()).push(", ").bind(terms.number).push(", ").bind(terms.kind.as_str());
    insert.push(", ").bind(terms.first_sequence).push(", ").bind(terms.last_sequence);
    insert.push(", ").bind(terms.previous_hash.to_vec()).push(", ").bind(terms.head_hash.to_vec());
    insert.push(", ").bind(terms.anchor).push(", ").bind(terms.previous_block_hash.to_vec());
    insert.push(", ").bind(block.hash.to_vec()).push(", ").bind(terms.time_ms);
    insert.push(", ").bind(block.key_id.as_str()).push(", ").bind(block.signature.clone()).push(")");
    insert
}

pub(super) fn put_head(dialect: Dialect, namespace: &str, head: &Head) -> Statement {
    let mut upsert = Statement::new(dialect);
    upsert.push("insert into catalog_audit_heads (namespace, sequence, hash, number, block_hash) values (");
    upsert.bind(namespace).push(", ").bind(head.sequence).push(", ").bind(head.hash.to_vec());
    upsert.push(", ").bind(head.number).push(", ").bind(head.block_hash.to_vec());
    upsert.push(
        ") on conflict (namespace) do update set sequence = excluded.sequence, hash = excluded.hash, \
         number = excluded.number, block_hash = excluded.block_hash",
    );
    upsert
}
