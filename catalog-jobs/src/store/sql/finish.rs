//! The statements that end jobs.

use catalog_core::store::{
    StoreError,
    database::{Row, Transaction},
    statement::{Dialect, Statement},
};
use uuid::Uuid;

use super::{
    SqlJobStore,
    claim::JOIN,
    id, push_id,
    rows::{Column, push_rows},
};
use crate::claim::Claim;

pub(super) const SUCCEEDED: i64 = 1;
pub(super) const FAILED: i64 = 2;
pub(super) const DEAD: i64 = 3;
pub(super) const CANCELED: i64 = 4;

/// What is written of a job that is over.
pub(super) struct Finished {
    claim: Claim,
    state: i64,
    error: Option<String>,
    result: Option<String>,
    /// None leaves what was told before.
    progress: Option<String>,
}

impl Finished {
    pub(super) fn new(
        claim: Claim,
        state: i64,
        error: Option<String>,
        result: Option<String>,
        progress: Option<String>,
    ) -> Self {
        Self { claim, state, error, result, progress }
    }
}

const FINISHED: [Column<Finished>; 7] = [
    Column::text("job_namespace", |over| Some(over.claim.namespace.to_string())),
    Column::id("job_id", |over| over.claim.id),
    Column::integer("job_token", |over| over.claim.token),
    Column::integer("job_state", |over| over.state),
    Column::text("job_error", |over| over.error.clone()),
    Column::text("job_result", |over| over.result.clone()),
    Column::text("job_progress", |over| over.progress.clone()),
];

/// A job that was taken out.
pub(super) struct Gone {
    pub(super) id: Uuid,
    pub(super) token: i64,
    pub(super) queue: String,
}

/// What the record takes over from the row that goes.
const GONE: &str =
    "d.*, j.attempt as gone_attempt, j.started_ms as gone_started_ms, j.progress as gone_progress";

impl<R> SqlJobStore<R> {
    /// Takes live jobs out that are `those`, a condition of `j` and `d`, and writes what became of them; gives which.
    pub(super) async fn finish(
        &self,
        transaction: &mut Transaction,
        over: &[Finished],
        those: &'static str,
    ) -> Result<Vec<Gone>, StoreError> {
        if over.is_empty() {
            return Ok(Vec::new());
        }
        let rows = match transaction.dialect() {
            Dialect::Postgres => transaction.fetch(self.finish_at_once(over, those)?).await?,
            Dialect::Sqlite => self.finish_in_steps(transaction, over, those).await?,
        };
        gone(rows)
    }

    /// In one statement, which PostgreSQL alone has: what is locked by its going cannot change before the record is written.
    pub(super) fn finish_at_once(
        &self,
        over: &[Finished],
        those: &'static str,
    ) -> Result<Statement, StoreError> {
        let mut finish = self.statement();
        finish.push("with gone as (delete from catalog_jobs_live j using ");
        push_rows(&mut finish, &FINISHED, over)?;
        finish.push(" where ").push(those).push(" returning ").push(GONE).push(") ");
        self.push_update(&mut finish)
            .push("gone d where r.namespace = d.job_namespace and r.id = d.job_id returning ");
        push_id(&mut finish, "r.id").push(", d.job_token, r.queue");
        Ok(finish)
    }

    async fn finish_in_steps(
        &self,
        transaction: &mut Transaction,
        over: &[Finished],
        those: &'static str,
    ) -> Result<Vec<Row>, StoreError> {
        let mut update = self.statement();
        self.push_update(&mut update).push("(select ").push(GONE).push(" from ");
        push_rows(&mut update, &FINISHED, over)?;
        update.push(JOIN).push(those).push(") as d where r.namespace = d.job_namespace and r.id = d.job_id");
        transaction.execute(update).await?;
        let mut delete = self.statement();
        delete.push("delete from catalog_jobs_live where (namespace, id) in (select j.namespace, j.id from ");
        push_rows(&mut delete, &FINISHED, over)?;
        delete.push(JOIN).push(those).push(") returning id, token, queue");
        transaction.fetch(delete).await
    }

    fn push_update<'a>(&self, update: &'a mut Statement) -> &'a mut Statement {
        update.push(
            "update catalog_jobs_records as r set state = d.job_state, attempt = d.gone_attempt, started_ms = d.gone_started_ms, \
             progress = coalesce(d.job_progress, d.gone_progress), result = d.job_result, \
             error = case when d.job_state = 1 then null else coalesce(d.job_error, r.error) end, finished_ms = ",
        );
        self.push_now(update).push(" from ")
    }
}

pub(super) fn gone(rows: Vec<Row>) -> Result<Vec<Gone>, StoreError> {
    let gone =
        |mut row: Row| Ok(Gone { id: id(&row.text(0)?)?, token: row.integer(1)?, queue: row.text(2)? });
    rows.into_iter().map(gone).collect()
}
