//! Finding live jobs by many rows that are bound.
//!
//! A queue is empty most of the time, and that is what PostgreSQL's planner remembers of it: it would read whole indexes, again for each
//! row, until it has looked anew a minute after a flood began. So each row's job is found by a step of its own, of which there is one way
//! to plan it, and locked; what is locked is then changed where it lies.

use catalog_core::store::{
    StoreError,
    statement::{Dialect, Statement},
};

use super::rows::{Column, push_rows};

/// What is held by the claims of `d`. What runs is of phase 2, but a planner that was told so would walk through the index of what
/// runs, and all that ever ran, instead of asking for the ids.
pub(super) const HELD: &str =
    "j.namespace = d.job_namespace and j.id = d.job_id and j.token = d.job_token and j.phase > 1";

/// What is held and to be canceled.
pub(super) const UNWANTED: &str = "j.namespace = d.job_namespace and j.id = d.job_id and j.token = d.job_token and j.phase > 1 \
                                   and j.cancel_by_ms is not null";

/// What waits, whoever had it before.
pub(super) const WAITING: &str = "j.namespace = d.job_namespace and j.id = d.job_id and j.phase < 2";

/// What was found and locked.
pub(super) const FOUND: &str = "j.namespace = d.job_namespace and j.id = d.job_id";

/// Begins a statement with the rows, called `d`.
pub(super) fn push_with<T>(
    statement: &mut Statement,
    columns: &[Column<T>],
    items: &[T],
) -> Result<(), StoreError> {
    statement.push("with d as materialized (select * from ");
    push_rows(statement, columns, items)?;
    statement.push(") ");
    Ok(())
}

/// Appends columns of the live jobs `j` that are `those`, locked on PostgreSQL with the words `lock`.
pub(super) fn push_select(
    statement: &mut Statement,
    columns: &'static str,
    those: &'static str,
    lock: &'static str,
) {
    statement.push("select ").push(columns);
    match statement.dialect() {
        Dialect::Sqlite => statement.push(" from d join catalog_jobs_live j on ").push(those),
        Dialect::Postgres => statement
            .push(" from d cross join lateral (select j.ctid as tid, j.* from catalog_jobs_live j where ")
            .push(those)
            .push(" limit 1")
            .push(lock)
            .push(") j"),
    };
}
