//! The statements that put jobs into the tables.

use std::collections::HashSet;

use catalog_core::store::{
    StoreError,
    database::Transaction,
    statement::{Dialect, Statement},
};
use uuid::Uuid;

use super::{
    SqlJobStore,
    found::push_with,
    id, ms,
    notify::push_notify,
    push_id,
    rows::{Column, push_rows},
};
use crate::{
    name::QueueName,
    new_job::{Due, NewJob},
};

/// So many jobs go into one statement.
const BATCH: usize = 1_000;

fn text<T: ToString>(value: Option<&T>) -> Option<String> {
    value.map(ToString::to_string)
}

const COLUMNS: [Column<NewJob>; 17] = [
    Column::id("job_id", |job| job.id),
    Column::text("job_namespace", |job| Some(job.namespace.to_string())),
    Column::text("job_queue", |job| Some(job.queue.to_string())),
    Column::text("job_lane", |job| Some(job.lane())),
    Column::text("job_kind", |job| Some(job.kind.to_string())),
    Column::text("job_plugin", |job| text(job.plugin.as_ref())),
    Column::text("job_source", |job| text(job.source.as_ref())),
    Column::text("job_requested_by", |job| job.requested_by.clone()),
    Column::text("job_payload", |job| Some(job.payload.clone())),
    Column::integer("job_priority", |job| job.priority.into()),
    Column::integer("job_max_attempts", |job| job.max_attempts.into()),
    Column::text("job_unique_key", |job| job.unique_key.clone()),
    Column::text("job_idempotency_key", |job| job.idempotency_key.clone()),
    Column::text("job_digest", |job| job.idempotency_key.as_ref().map(|_| job.digest())),
    Column::integer("job_at_ms", |job| match job.due {
        // of what is due at a time long ago nothing but that matters
        Due::At(time) => time.unix_ms().max(1),
        Due::Now | Due::After(_) => 0,
    }),
    Column::integer("job_after_ms", |job| match job.due {
        Due::After(span) => ms(span),
        Due::Now | Due::At(_) => 0,
    }),
    Column::integer("job_is_later", |job| i64::from(job.due != Due::Now)),
];

impl<R> SqlJobStore<R> {
    /// Writes what jobs need to know, unless another has the idempotency key; gives which.
    pub(super) async fn insert_records(
        &self,
        transaction: &mut Transaction,
        jobs: &[NewJob],
    ) -> Result<HashSet<Uuid>, StoreError> {
        self.insert_rows(transaction, jobs, Self::push_records).await
    }

    fn push_records(&self, insert: &mut Statement) {
        insert.push(
            "insert into catalog_jobs_records (namespace, id, queue, lane, kind, plugin, source, requested_by, requested_ms, \
             payload, priority, max_attempts, unique_key, idempotency_key, digest) select d.job_namespace, d.job_id, d.job_queue, \
             d.job_lane, d.job_kind, d.job_plugin, d.job_source, d.job_requested_by, ",
        );
        self.push_now(insert);
        insert.push(
            ", d.job_payload, d.job_priority, d.job_max_attempts, d.job_unique_key, d.job_idempotency_key, d.job_digest from ",
        );
    }

    /// Has jobs wait, unless another has the unique key; gives which.
    pub(super) async fn insert_live(
        &self,
        transaction: &mut Transaction,
        jobs: &[NewJob],
    ) -> Result<HashSet<Uuid>, StoreError> {
        self.insert_rows(transaction, jobs, Self::push_live).await
    }

    /// Writes rows of jobs, those apart that another stands against; gives which it wrote.
    async fn insert_rows(
        &self,
        transaction: &mut Transaction,
        jobs: &[NewJob],
        push_head: fn(&Self, &mut Statement),
    ) -> Result<HashSet<Uuid>, StoreError> {
        let mut inserted = HashSet::new();
        for jobs in jobs.chunks(BATCH) {
            let mut insert = self.statement();
            push_head(self, &mut insert);
            push_rows(&mut insert, &COLUMNS, jobs)?;
            // without a condition SQLite would read `on conflict` as that of a join
            insert.push(" where 1 = 1 on conflict do nothing returning ");
            push_id(&mut insert, "id");
            collect(transaction, insert, &mut inserted).await?;
        }
        Ok(inserted)
    }

    fn push_live(&self, insert: &mut Statement) {
        insert.push(
            "insert into catalog_jobs_live (id, namespace, queue, lane, unique_key, priority, phase, until_ms, attempt, \
             max_attempts, token) select d.job_id, d.job_namespace, d.job_queue, d.job_lane, d.job_unique_key, d.job_priority, \
             case when d.job_is_later = 0 or d.job_at_ms + (case when d.job_at_ms > 0 then 0 else d.job_after_ms + ",
        );
        self.push_now(insert);
        insert.push(" end) <= ");
        self.push_now(insert);
        insert.push(" then 0 else 1 end, case when d.job_at_ms > ");
        // what was to be done long ago waits from now on
        self.push_now(insert).push(" then d.job_at_ms else d.job_after_ms + ");
        self.push_now(insert);
        insert.push(" end, 0, d.job_max_attempts, 0 from ");
    }

    /// Both at once, for jobs without keys, and telling of these queues, in one round trip to PostgreSQL and one commit.
    pub(super) fn insert_both(&self, jobs: &[NewJob], tell: &[&QueueName]) -> Result<Statement, StoreError> {
        let mut insert = Statement::new(Dialect::Postgres);
        push_with(&mut insert, &COLUMNS, jobs)?;
        insert.push(", r as (");
        self.push_records(&mut insert);
        insert.push("d on conflict do nothing returning id), l as (");
        self.push_live(&mut insert);
        // what was written before may be over by now
        insert.push("d where d.job_id in (select r.id from r)) ");
        push_notify(&mut insert, tell).repeatable();
        Ok(insert)
    }
}

async fn collect(
    transaction: &mut Transaction,
    insert: Statement,
    inserted: &mut HashSet<Uuid>,
) -> Result<(), StoreError> {
    for mut row in transaction.fetch(insert).await? {
        inserted.insert(id(&row.text(0)?)?);
    }
    Ok(())
}
