//! Adding events, many in one statement.

use catalog_core::store::{
    StoreError,
    database::Transaction,
    statement::{Dialect, SqlValue, Statement},
};

use super::bind_id;
use crate::event::Record;

/// So many rows go into one statement: SQLite's limit is 32,766 bound values, and PostgreSQL binds one list a column.
pub(super) fn batch(dialect: Dialect) -> usize {
    match dialect {
        Dialect::Sqlite => 256,
        Dialect::Postgres => 4_096,
    }
}

/// The columns of a record, in its order.
pub(super) const COLUMNS: &str = "id, namespace, time_ms, event_type, actor, plugin, resource_type, action, outcome, request_id, details, digest";

const EVENTS: &str = "insert into catalog_audit_events (";

/// Adds those records whose id is not there yet, and gives how many were added.
pub(super) async fn append(transaction: &mut Transaction, records: &[Record]) -> Result<u64, StoreError> {
    insert(transaction, EVENTS, records).await
}

/// Adds intents likewise.
pub(super) async fn intend(transaction: &mut Transaction, records: &[Record]) -> Result<u64, StoreError> {
    insert(transaction, "insert into catalog_audit_intents (", records).await
}

async fn insert(
    transaction: &mut Transaction,
    into: &'static str,
    records: &[Record],
) -> Result<u64, StoreError> {
    let mut added = 0;
    for records in records.chunks(batch(transaction.dialect())) {
        added += transaction.execute(statement(transaction.dialect(), into, records)).await?;
    }
    Ok(added)
}

/// What adds at most a [batch] of records.
pub(super) fn events(dialect: Dialect, records: &[Record]) -> Statement {
    statement(dialect, EVENTS, records)
}

fn statement(dialect: Dialect, into: &'static str, records: &[Record]) -> Statement {
    let mut statement = Statement::new(dialect);
    statement.push(into).push(COLUMNS).push(") ");
    match (dialect, records) {
        (Dialect::Postgres, [_, _, ..]) => push_arrays(&mut statement, records),
        _ => push_rows(&mut statement, records),
    }
    statement.push(" on conflict (id) do nothing");
    statement
}

/// One row of placeholders a record.
fn push_rows(statement: &mut Statement, records: &[Record]) {
    statement.push("values ");
    for (index, record) in records.iter().enumerate() {
        statement.push(if index == 0 { "(" } else { ", (" });
        bind_id(statement, record.id).push(", ").bind(record.namespace.as_str());
        statement.push(", ").bind(record.time_ms);
        for text in texts(record) {
            statement.push(", ").bind(text);
        }
        statement.push(", ").bind(record.digest.to_vec()).push(")");
    }
}

/// One array a column.
fn push_arrays(statement: &mut Statement, records: &[Record]) {
    let column = |text: fn(&Record) -> String| -> SqlValue {
        records.iter().map(|record| Some(text(record))).collect::<Vec<_>>().into()
    };
    let times: Vec<i64> = records.iter().map(|record| record.time_ms).collect();
    let digests: Vec<Vec<u8>> = records.iter().map(|record| record.digest.to_vec()).collect();
    statement.push("select * from unnest(").bind(column(|record| record.id.to_string()));
    statement.push("::text[]::uuid[], ").bind(column(|record| record.namespace.clone()));
    statement.push("::text[], ").bind(times).push("::bigint[]");
    let columns: [fn(&Record) -> String; 8] = [
        |record| record.event_type.clone(),
        |record| record.actor.clone(),
        |record| record.plugin.clone(),
        |record| record.resource_type.clone(),
        |record| record.action.clone(),
        |record| record.outcome.clone(),
        |record| record.request_id.clone(),
        |record| record.details.clone(),
    ];
    for text in columns {
        statement.push(", ").bind(column(text)).push("::text[]");
    }
    statement.push(", ").bind(digests).push("::bytea[])");
}

fn texts(record: &Record) -> [&str; 8] {
    [
        &record.event_type,
        &record.actor,
        &record.plugin,
        &record.resource_type,
        &record.action,
        &record.outcome,
        &record.request_id,
        &record.details,
    ]
}
