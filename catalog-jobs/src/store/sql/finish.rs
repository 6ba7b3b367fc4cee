//! The statements that end jobs.

use std::collections::HashMap;

use catalog_core::store::{StoreError, database::Transaction, statement::Dialect};
use uuid::Uuid;

use super::{
    SqlJobStore,
    found::{FOUND, push_select, push_with},
    id,
    rows::Column,
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
    /// As the row has them that goes.
    attempt: i64,
    started_ms: i64,
}

impl Finished {
    pub(super) fn new(
        claim: Claim,
        state: i64,
        error: Option<String>,
        result: Option<String>,
        progress: Option<String>,
    ) -> Self {
        Self { claim, state, error, result, progress, attempt: 0, started_ms: 0 }
    }
}

const CLAIM: [Column<Finished>; 3] = [
    Column::text("job_namespace", |over| Some(over.claim.namespace.to_string())),
    Column::id("job_id", |over| over.claim.id),
    Column::integer("job_token", |over| over.claim.token),
];

const FINISHED: [Column<Finished>; 8] = [
    Column::text("job_namespace", |over| Some(over.claim.namespace.to_string())),
    Column::id("job_id", |over| over.claim.id),
    Column::integer("job_state", |over| over.state),
    Column::text("job_error", |over| over.error.clone()),
    Column::text("job_result", |over| over.result.clone()),
    Column::text("job_progress", |over| over.progress.clone()),
    Column::integer("job_attempt", |over| over.attempt),
    Column::integer("job_started_ms", |over| over.started_ms),
];

/// Of the row that goes the record takes these over.
const GOING: &str =
    "cast(j.id as text), d.job_token, j.queue, j.attempt, coalesce(j.started_ms, 0), j.progress";

/// A job that was taken out.
pub(super) struct Gone {
    pub(super) id: Uuid,
    pub(super) token: i64,
    pub(super) queue: String,
}

impl<R> SqlJobStore<R> {
    /// Takes live jobs out that are `those`, a condition of `j` and `d`, and writes what became of them; gives which.
    pub(super) async fn finish(
        &self,
        transaction: &mut Transaction,
        mut over: Vec<Finished>,
        those: &'static str,
    ) -> Result<Vec<Gone>, StoreError> {
        if over.is_empty() {
            return Ok(Vec::new());
        }
        let mut select = self.statement();
        push_with(&mut select, &CLAIM, &over)?;
        push_select(&mut select, GOING, those, " for update");
        let mut going = HashMap::new();
        for mut row in transaction.fetch(select).await? {
            let gone = Gone { id: id(&row.text(0)?)?, token: row.integer(1)?, queue: row.text(2)? };
            let kept = (row.integer(3)?, row.integer(4)?, row.take_text(5)?);
            going.insert((gone.id, gone.token), (gone, kept));
        }
        let mut gone = Vec::with_capacity(going.len());
        over.retain_mut(|over| {
            let Some((going, kept)) = going.remove(&(over.claim.id, over.claim.token)) else { return false };
            gone.push(going);
            (over.attempt, over.started_ms) = (kept.0, kept.1);
            over.progress = over.progress.take().or(kept.2);
            true
        });
        if !over.is_empty() {
            self.take_out_all(transaction, &over).await?;
        }
        Ok(gone)
    }

    /// Of jobs that are locked.
    async fn take_out_all(&self, transaction: &mut Transaction, over: &[Finished]) -> Result<(), StoreError> {
        let mut finish = self.statement();
        push_with(&mut finish, &FINISHED, over)?;
        if transaction.dialect() == Dialect::Postgres {
            finish.push(", gone as (delete from catalog_jobs_live j where j.ctid = any(array(");
            push_select(&mut finish, "j.tid", FOUND, "");
            finish.push("))) ");
        }
        finish.push(
            "update catalog_jobs_records as r set state = d.job_state, attempt = d.job_attempt, started_ms = nullif(d.job_started_ms, 0), \
             progress = d.job_progress, result = d.job_result, \
             error = case when d.job_state = 1 then null else coalesce(d.job_error, r.error) end, finished_ms = ",
        );
        self.push_now(&mut finish).push(" from d where r.namespace = d.job_namespace and r.id = d.job_id");
        transaction.execute(finish).await?;
        if transaction.dialect() == Dialect::Sqlite {
            let mut delete = self.statement();
            push_with(&mut delete, &CLAIM, over)?;
            delete.push("delete from catalog_jobs_live where (namespace, id) in (select d.job_namespace, d.job_id from d)");
            transaction.execute(delete).await?;
        }
        Ok(())
    }
}
