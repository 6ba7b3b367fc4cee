//! Reading events.

use catalog_core::{
    clock::Timestamp,
    store::{
        StoreError,
        database::Row,
        statement::{Dialect, Statement},
    },
    tenant::TenantScope,
};
use uuid::Uuid;

use super::{bind_id, push_id, push_scope};
use crate::{
    event::{Record, hash},
    store::{AuditQuery, Place, Stored},
};

/// So many columns are a record and its place.
pub(super) const COLUMNS: usize = 15;

/// Begins a statement that reads records and their places, and `more` after them.
pub(super) fn select(dialect: Dialect, more: &'static str) -> Statement {
    let mut statement = Statement::new(dialect);
    push_id(statement.push("select "), "a.id").push(
        ", a.namespace, a.time_ms, a.event_type, a.actor, a.plugin, a.resource_type, a.action, a.outcome, a.request_id, \
         a.details, a.digest, coalesce(c.sequence, 0), c.previous_hash, c.hash",
    );
    statement.push(more).push(" from ");
    statement
}

pub(super) fn list(dialect: Dialect, scope: &TenantScope, query: &AuditQuery) -> Statement {
    let mut statement = select(dialect, "");
    statement.push("catalog_audit_events a left join catalog_audit_chain c on c.id = a.id where ");
    push_scope(&mut statement, scope, "a.namespace");
    if let Some(after) = query.after {
        bind_id(statement.push(" and a.id < "), after);
    }
    push_filters(&mut statement, query);
    statement.push(" order by a.id desc limit ");
    statement.bind(i64::try_from(query.size.get() + 1).unwrap_or(i64::MAX));
    statement
}

pub(super) fn walk(
    dialect: Dialect,
    scope: &TenantScope,
    query: &AuditQuery,
    after: &(String, i64),
) -> Statement {
    let mut statement = select(dialect, "");
    statement.push("catalog_audit_chain c join catalog_audit_events a on a.id = c.id where ");
    push_scope(&mut statement, scope, "c.namespace");
    statement.push(" and (c.namespace, c.sequence) > (").bind(after.0.as_str()).push(", ").bind(after.1);
    statement.push(")");
    push_filters(&mut statement, query);
    statement.push(" order by c.namespace, c.sequence limit ");
    statement.bind(i64::try_from(query.size.get()).unwrap_or(i64::MAX));
    statement
}

pub(super) fn find(dialect: Dialect, scope: &TenantScope, id: Uuid) -> Statement {
    let mut statement = select(dialect, "");
    statement.push("catalog_audit_events a left join catalog_audit_chain c on c.id = a.id where ");
    push_scope(&mut statement, scope, "a.namespace");
    bind_id(statement.push(" and a.id = "), id);
    statement
}

fn push_filters(statement: &mut Statement, query: &AuditQuery) {
    for (column, value) in query.columns() {
        if let Some(value) = value {
            statement.push(" and a.").push(column).push(" = ").bind(value);
        }
    }
    // an event's time is its id's, and the ids are what is indexed
    if let Some(since) = query.since {
        bind_id(statement.push(" and a.id >= "), first_id(since));
    }
    if let Some(until) = query.until {
        bind_id(statement.push(" and a.id < "), first_id(until));
    }
}

/// The least UUIDv7 of that time.
pub(super) fn first_id(time: Timestamp) -> Uuid {
    let ms = u128::try_from(time.unix_ms()).unwrap_or(0);
    Uuid::from_u128(ms << 80)
}

pub(super) fn stored(mut row: Row) -> Result<Stored, StoreError> {
    let record = Record::from_row(&mut row, 0)?;
    let sequence = row.integer(12)?;
    let place = if sequence == 0 {
        None
    } else {
        Some(Place { sequence, previous_hash: hash(row.bytes(13)?)?, hash: hash(row.bytes(14)?)? })
    };
    Ok(Stored { record, place })
}
