//! Sealing, in one transaction.

use std::collections::{BTreeSet, HashMap};

use catalog_core::{
    clock::Timestamp,
    store::{
        StoreError, StoreErrorKind,
        database::{Database, Transaction},
        hook::Fence,
        statement::{Dialect, SqlValue, Statement},
    },
};

use super::{append::batch, bind_id, chain, horizon, push_id};
use crate::{
    event::{hash, id},
    seal::{Head, Link, Pending, SealKey, Sealing, seal as plan},
};

pub(super) async fn seal<F: Fence<Transaction>>(
    database: &Database,
    fence: &F,
    key: &SealKey,
    now: Timestamp,
    most: usize,
) -> Result<usize, StoreError> {
    let mut transaction = database.begin_any_tenant().await?;
    fence.check(&mut transaction).await?;
    let after = cursor(&mut transaction).await?;
    let Some(upto) = horizon::settled(&mut transaction, after).await? else { return Ok(0) };
    let (pending, last) = pending(&mut transaction, after, upto, most).await?;
    let Some(last) = last else { return Ok(0) };
    let heads = heads(&mut transaction, &pending).await?;
    let sealing = plan(pending, &heads, key, now);
    write(&mut transaction, &sealing).await?;
    let mut update = Statement::new(transaction.dialect());
    update.push("update catalog_audit_cursors set position = ").bind(last);
    update.push(", time_ms = ").bind(now.unix_ms()).push(" where name = 'seal'");
    transaction.execute(update).await?;
    transaction.commit().await?;
    Ok(sealing.links.len())
}

/// How far the sealer is; nobody else seals until the transaction ends.
pub(super) async fn cursor(transaction: &mut Transaction) -> Result<i64, StoreError> {
    let mut select = Statement::new(transaction.dialect());
    select.push("select position from catalog_audit_cursors where name = 'seal'");
    if transaction.dialect() == Dialect::Postgres {
        select.push(" for update");
    }
    let mut rows = transaction.fetch(select).await?;
    rows.first_mut().ok_or(StoreErrorKind::Corrupt)?.integer(0)
}

/// The events that come next, and where the last of them stands.
async fn pending(
    transaction: &mut Transaction,
    after: i64,
    upto: i64,
    most: usize,
) -> Result<(Vec<Pending>, Option<i64>), StoreError> {
    let mut select = Statement::new(transaction.dialect());
    push_id(select.push("select position, "), "id");
    select.push(", namespace, digest from catalog_audit_events where position > ");
    select.bind(after).push(" and position <= ").bind(upto);
    select.push(" order by position limit ").bind(i64::try_from(most).unwrap_or(i64::MAX));
    let rows = transaction.fetch(select).await?;
    let (mut pending, mut last) = (Vec::with_capacity(rows.len()), None);
    for mut row in rows {
        last = Some(row.integer(0)?);
        pending.push(Pending {
            id: id(&row.bytes(1)?)?,
            namespace: row.text(2)?,
            digest: hash(row.bytes(3)?)?,
        });
    }
    Ok((pending, last))
}

async fn heads(
    transaction: &mut Transaction,
    pending: &[Pending],
) -> Result<HashMap<String, Head>, StoreError> {
    let names: BTreeSet<&str> = pending.iter().map(|record| record.namespace.as_str()).collect();
    let mut select = Statement::new(transaction.dialect());
    select.push(chain::HEAD).push(" where namespace in (");
    for (index, name) in names.into_iter().enumerate() {
        select.push(if index == 0 { "" } else { ", " }).bind(name);
    }
    let rows = transaction.fetch({
        select.push(")");
        select
    });
    rows.await?.into_iter().map(chain::head).collect()
}

async fn write(transaction: &mut Transaction, sealing: &Sealing) -> Result<(), StoreError> {
    for links in sealing.links.chunks(batch(transaction.dialect())) {
        let mut insert = Statement::new(transaction.dialect());
        insert.push("insert into catalog_audit_chain (namespace, sequence, id, previous_hash, hash) ");
        match insert.dialect() {
            Dialect::Sqlite => push_rows(&mut insert, links),
            Dialect::Postgres => push_arrays(&mut insert, links),
        }
        transaction.execute(insert).await?;
    }
    for block in &sealing.blocks {
        let insert = chain::insert_block(transaction.dialect(), block);
        transaction.execute(insert).await?;
    }
    for (namespace, head) in &sealing.heads {
        let upsert = chain::put_head(transaction.dialect(), namespace, head);
        transaction.execute(upsert).await?;
    }
    Ok(())
}

fn push_rows(insert: &mut Statement, links: &[Link]) {
    insert.push("values ");
    for (index, link) in links.iter().enumerate() {
        insert.push(if index == 0 { "(" } else { ", (" }).bind(link.namespace.as_str());
        bind_id(insert.push(", ").bind(link.place.sequence).push(", "), link.id);
        insert.push(", ").bind(link.place.previous_hash.to_vec()).push(", ").bind(link.place.hash.to_vec());
        insert.push(")");
    }
}

fn push_arrays(insert: &mut Statement, links: &[Link]) {
    let texts = |text: fn(&Link) -> String| -> SqlValue {
        links.iter().map(|link| Some(text(link))).collect::<Vec<_>>().into()
    };
    let sequences: Vec<i64> = links.iter().map(|link| link.place.sequence).collect();
    let hashes = |hash: fn(&Link) -> [u8; 32]| -> Vec<Vec<u8>> {
        links.iter().map(|link| hash(link).to_vec()).collect()
    };
    insert.push("select * from unnest(").bind(texts(|link| link.namespace.clone())).push("::text[], ");
    insert.bind(sequences).push("::bigint[], ").bind(texts(|link| link.id.to_string()));
    insert.push("::text[]::uuid[], ").bind(hashes(|link| link.place.previous_hash)).push("::bytea[], ");
    insert.bind(hashes(|link| link.place.hash)).push("::bytea[])");
}
