//! Reading a chain and what its records come to, page by page.
//!
//! Events get their places about in the order of their ids, so most of a page's lie together in the tenant's index, where to read on is
//! several times cheaper than to look each of them up.

use catalog_core::store::{
    StoreError,
    database::{Columns, Database},
    statement::{Dialect, SqlValue, Statement},
};
use uuid::Uuid;

use super::{bind_id, push_id};
use crate::{
    event::{digest_of, hash, id},
    seal::Ledger,
    store::{Digests, Entry, Place},
};

pub(super) async fn entries(
    database: &Database,
    ledger: &Ledger,
    after: i64,
    most: usize,
) -> Result<Vec<Entry>, StoreError> {
    let mut select = select(database.dialect(), ledger);
    push_id(&mut select, "id")
        .push(", sequence, previous_hash, hash from catalog_audit_chain where namespace = ");
    select.bind(ledger.as_str()).push(" and sequence > ").bind(after);
    select.push(" order by sequence limit ").push_count(most);
    let mut entries = database.fetch_as(select, place).await?;
    let ids = || entries.iter().map(|entry| entry.id);
    let (Some(least), Some(greatest)) = (ids().min(), ids().max()) else { return Ok(entries) };
    let found =
        database.fetch_as(between(database.dialect(), ledger, (least, greatest), most), digests).await?;
    join(&mut entries, &found);
    let missing: Vec<Uuid> =
        entries.iter().filter(|entry| entry.digests.is_none()).map(|entry| entry.id).collect();
    if !missing.is_empty() {
        let found = database.fetch_as(each(database.dialect(), ledger, &missing), digests).await?;
        join(&mut entries, &found);
    }
    Ok(entries)
}

/// The tenant's events from the one to the other. Should there be many that are not in the page, those that are missed are looked up.
fn between(dialect: Dialect, ledger: &Ledger, (least, greatest): (Uuid, Uuid), most: usize) -> Statement {
    let mut select = records(dialect, ledger);
    bind_id(select.push("namespace = ").bind(ledger.as_str()).push(" and id >= "), least);
    bind_id(select.push(" and id <= "), greatest).push(" order by id limit ").push_count(2 * most);
    select
}

/// Those events, whosever they are now.
fn each(dialect: Dialect, ledger: &Ledger, ids: &[Uuid]) -> Statement {
    let mut select = records(dialect, ledger);
    if dialect == Dialect::Postgres {
        let ids: SqlValue = ids.iter().map(|id| Some(id.to_string())).collect::<Vec<_>>().into();
        select.push("id = any (").bind(ids).push("::text[]::uuid[])");
    } else {
        for (index, id) in ids.iter().enumerate() {
            bind_id(select.push(if index == 0 { "id in (" } else { ", " }), *id);
        }
        select.push(")");
    }
    select.push(" order by id");
    select
}

fn records(dialect: Dialect, ledger: &Ledger) -> Statement {
    let mut select = select(dialect, ledger);
    push_id(&mut select, "id").push(
        ", namespace, time_ms, event_type, actor, plugin, resource_type, action, outcome, request_id, details, digest \
         from catalog_audit_events where ",
    );
    select
}

fn select(dialect: Dialect, ledger: &Ledger) -> Statement {
    let mut select = Statement::new(dialect);
    select.within(ledger.scope()).push("select ");
    select
}

fn place(row: &dyn Columns) -> Result<Entry, StoreError> {
    let hash = |column| hash(row.bytes(column)?.to_vec());
    let place = Place { sequence: row.integer(1)?, previous_hash: hash(2)?, hash: hash(3)? };
    Ok(Entry { id: id(row.bytes(0)?)?, place, digests: None })
}

fn digests(row: &dyn Columns) -> Result<(Uuid, Digests), StoreError> {
    let texts = [
        row.text(3)?,
        row.text(4)?,
        row.text(5)?,
        row.text(6)?,
        row.text(7)?,
        row.text(8)?,
        row.text(9)?,
        row.text(10)?,
    ];
    let now = digest_of(row.bytes(0)?, row.text(1)?, row.integer(2)?, texts);
    Ok((id(row.bytes(0)?)?, Digests { now, carried: hash(row.bytes(11)?.to_vec())? }))
}

/// Gives each entry what was found under its id; that is in the order of ids.
fn join(entries: &mut [Entry], found: &[(Uuid, Digests)]) {
    for entry in entries.iter_mut().filter(|entry| entry.digests.is_none()) {
        let at = found.binary_search_by_key(&entry.id, |(id, _)| *id);
        entry.digests = at.ok().and_then(|at| found.get(at)).map(|(_, digests)| *digests);
    }
}
