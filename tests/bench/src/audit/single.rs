//! Events one by one and in batches, on SQLite.

use std::time::Instant;

use catalog_audit::{event::Record, store::AuditStore};
use rusqlite::{Connection, params};

use super::{
    Plan,
    fixture::{Place, records},
};
use crate::{
    AnyError,
    table::{Goal, Line},
};

const BATCH: usize = 256;

/// A commit for each event, and one for each batch, beside the engine's own driver.
pub(super) async fn sqlite(plan: &Plan) -> Result<Vec<Line>, AnyError> {
    let place = Place::sqlite().await?;
    let mut raw = Connection::open(place.url.trim_start_matches("sqlite://"))?;
    raw.pragma_update(None, "synchronous", "normal")?;
    raw.busy_timeout(std::time::Duration::from_secs(5))?;
    raw.execute_batch(TABLE)?;
    let mut lines = Vec::new();
    for (what, batch) in [("one event per commit", 1), ("batch of 256", BATCH)] {
        let (mut limits, mut ours) = (Vec::new(), Vec::new());
        for _ in 0..plan.rounds {
            let (mut count, begun) = (0_u32, Instant::now());
            let mut spent = std::time::Duration::ZERO;
            while begun.elapsed() < plan.time {
                let records = records("a", batch);
                let asked = Instant::now();
                insert(&mut raw, &records)?;
                spent += asked.elapsed();
                count += u32::try_from(batch)?;
            }
            limits.push(spent.as_secs_f64() * 1e6 / f64::from(count));
            let (mut count, begun) = (0_u32, Instant::now());
            let mut spent = std::time::Duration::ZERO;
            while begun.elapsed() < plan.time {
                let records = records("a", batch);
                let asked = Instant::now();
                place.store.append(&records).await?;
                spent += asked.elapsed();
                count += u32::try_from(batch)?;
            }
            ours.push(spent.as_secs_f64() * 1e6 / f64::from(count));
        }
        let what = format!("SQLite: {what} / the same rows by the raw driver");
        lines.push(Line::beside("A3", what, "us/event", Goal::None, &limits, &ours));
    }
    Ok(lines)
}

fn insert(raw: &mut Connection, records: &[Record]) -> Result<(), AnyError> {
    let transaction = raw.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    {
        let mut insert = transaction.prepare_cached(INSERT)?;
        for record in records {
            insert.execute(params![
                record.id.to_string(),
                record.namespace,
                record.time_ms,
                record.event_type,
                record.actor,
                record.plugin,
                record.resource_type,
                record.action,
                record.outcome,
                record.request_id,
                record.details,
                record.digest
            ])?;
        }
    }
    Ok(transaction.commit()?)
}

const INSERT: &str = "insert into bench_events (id, namespace, time_ms, event_type, actor, plugin, resource_type, action, outcome, request_id, \
                      details, digest) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
const TABLE: &str = "create table bench_events (position integer primary key autoincrement, id text not null unique, namespace text not null,
    time_ms integer not null, event_type text not null, actor text not null, plugin text not null, resource_type text not null,
    action text not null, outcome text not null, request_id text not null, details text not null, digest blob not null) strict;
    create index bench_events_namespace on bench_events (namespace, id);
    create index bench_events_request on bench_events (request_id) where request_id <> '';";
