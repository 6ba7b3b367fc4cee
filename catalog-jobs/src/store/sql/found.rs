//! Finding live jobs by many rows that are bound.
//!
//! A queue is empty most of the time, and that is what PostgreSQL's planner remembers of it: it would read whole indexes, again for each
//! row, until it has looked anew a minute after a flood began. So each row's job is found by a step of its own, of which there is one way
//! to plan it, and what is found is changed where it lies.

use catalog_core::store::{
    StoreError,
    statement::{Dialect, Statement},
};

use super::rows::{Column, push_rows};

/// Which jobs are meant by the rows `d`.
#[derive(Clone, Copy)]
pub(super) struct Those {
    /// The condition by which one, `j`, is found.
    pub(super) found: &'static str,
    /// What must still hold of it when it is changed: without the columns of an index, which are not to be read instead.
    still: &'static str,
}

/// What is held by claims. What runs is of phase 2, but a planner that was told so would walk through the index of what runs, and all
/// that ever ran, instead of asking for the ids.
pub(super) const HELD: Those = Those {
    found: "j.namespace = d.job_namespace and j.id = d.job_id and j.token = d.job_token and j.phase > 1",
    still: "j.token = d.job_token and j.phase > 1",
};

/// What is held and to be canceled.
pub(super) const UNWANTED: Those = Those {
    found: "j.namespace = d.job_namespace and j.id = d.job_id and j.token = d.job_token and j.phase > 1 \
            and j.cancel_by_ms is not null",
    still: "j.token = d.job_token and j.phase > 1 and j.cancel_by_ms is not null",
};

/// What is held and not to be canceled.
pub(super) const WANTED: Those = Those {
    found: "j.namespace = d.job_namespace and j.id = d.job_id and j.token = d.job_token and j.phase > 1 \
            and j.cancel_by_ms is null",
    still: "j.token = d.job_token and j.phase > 1 and j.cancel_by_ms is null",
};

/// What waits, whoever had it before.
pub(super) const WAITING: Those = Those {
    found: "j.namespace = d.job_namespace and j.id = d.job_id and j.phase < 2",
    still: "cast(j.id as text) = cast(d.job_id as text) and j.phase < 2",
};

/// Begins a statement with the rows, called `d`.
pub(super) fn push_found<T>(
    statement: &mut Statement,
    columns: &[Column<T>],
    items: &[T],
) -> Result<(), StoreError> {
    statement.push("with d as materialized (select * from ");
    push_rows(statement, columns, items)?;
    statement.push(") ");
    Ok(())
}

/// Appends the condition on the live job `j` that is to be changed, beside its row in `d`. PostgreSQL finds it with that `lock`.
pub(super) fn push_where(statement: &mut Statement, those: Those, lock: &'static str) {
    match statement.dialect() {
        Dialect::Sqlite => statement.push(those.found),
        Dialect::Postgres => statement
            .push("j.ctid = any(array(select l.tid from d cross join lateral (select j.ctid as tid from catalog_jobs_live j where ")
            .push(those.found)
            .push(" limit 1")
            .push(lock)
            .push(") l)) and ")
            .push(those.still),
    };
}

/// Appends the condition on the record `r` that is to be changed, beside its row in `d`, which is in `rows`.
pub(super) fn push_record(statement: &mut Statement, rows: &'static str) {
    match statement.dialect() {
        Dialect::Sqlite => statement.push("r.namespace = d.job_namespace and r.id = d.job_id"),
        Dialect::Postgres => statement
            .push("r.ctid = any(array(select l.tid from ")
            .push(rows)
            .push(
                " cross join lateral (select r.ctid as tid from catalog_jobs_records r where r.namespace = d.job_namespace \
                 and r.id = d.job_id limit 1) l)) and cast(r.id as text) = cast(d.job_id as text)",
            ),
    };
}
