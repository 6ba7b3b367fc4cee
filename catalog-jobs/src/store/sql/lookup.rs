//! Finding the job that has a key already.

use std::collections::HashMap;

use catalog_core::{
    name::Namespace,
    store::{StoreError, database::Transaction},
};
use uuid::Uuid;

use super::{
    SqlJobStore, bind_id, bind_ms, id, ms, push_id,
    rows::{Column, push_rows},
};
use crate::new_job::{Debounce, Enqueued, IDEMPOTENT, NewJob};

/// A tenant with a key.
type Key = (String, String);

const KEY: [Column<Key>; 2] = [
    Column::text("job_namespace", |(namespace, _)| Some(namespace.clone())),
    Column::text("job_key", |(_, key)| Some(key.clone())),
];

fn keys(jobs: &[NewJob], of: fn(&NewJob) -> Option<&String>) -> Vec<Key> {
    let key = |job| of(job).map(|key| (job.namespace.to_string(), key.clone()));
    jobs.iter().filter_map(key).collect()
}

impl<R> SqlJobStore<R> {
    /// Takes idempotency keys away from the jobs that have had them for long enough.
    pub(super) async fn forget_keys(
        &self,
        transaction: &mut Transaction,
        jobs: &[NewJob],
    ) -> Result<(), StoreError> {
        let keys = keys(jobs, |job| job.idempotency_key.as_ref());
        if keys.is_empty() {
            return Ok(());
        }
        let mut forget = self.statement();
        forget.push(
            "update catalog_jobs_records set idempotency_key = null, digest = null where requested_ms + ",
        );
        forget.bind(ms(IDEMPOTENT)).push(" <= ");
        self.push_now(&mut forget)
            .push(" and (namespace, idempotency_key) in (select d.job_namespace, d.job_key from ");
        push_rows(&mut forget, &KEY, &keys)?;
        forget.push(")");
        transaction.execute(forget).await.map(drop)
    }

    /// Puts a job off that is not due yet and was never attempted.
    pub(super) async fn put_off(
        &self,
        transaction: &mut Transaction,
        namespace: &Namespace,
        job: Uuid,
        debounce: Debounce,
    ) -> Result<(), StoreError> {
        let mut update = self.statement();
        update.push("update catalog_jobs_live set until_ms = p.until from (select case when q.until < q.latest then q.until \
                     else q.latest end as until from (select ");
        bind_ms(&mut update, debounce.quiet).push(" + ");
        self.push_now(&mut update).push(" as until, r.requested_ms + ");
        bind_ms(&mut update, debounce.most)
            .push(" as latest from catalog_jobs_records r where r.namespace = ")
            .bind(namespace.as_str());
        bind_id(update.push(" and r.id = "), job)
            .push(") q) as p where namespace = ")
            .bind(namespace.as_str());
        bind_id(update.push(" and id = "), job);
        update.push(" and phase = 1 and started_ms is null and until_ms < p.until and until_ms > ");
        self.push_now(&mut update);
        transaction.execute(update).await.map(drop)
    }

    /// What the jobs are that are there by the keys of those; none for one that is there by no key.
    pub(super) async fn there(
        &self,
        transaction: &mut Transaction,
        jobs: &[NewJob],
    ) -> Result<Vec<Option<Enqueued>>, StoreError> {
        let mut kept: HashMap<Key, (Uuid, String)> = HashMap::new();
        let idempotent = keys(jobs, |job| job.idempotency_key.as_ref());
        if !idempotent.is_empty() {
            let mut select = self.statement();
            push_id(select.push("select r.namespace, r.idempotency_key, "), "r.id").push(", r.digest from ");
            push_rows(&mut select, &KEY, &idempotent)?;
            select.push(
                " join catalog_jobs_records r on r.namespace = d.job_namespace and r.idempotency_key = d.job_key",
            );
            for mut row in transaction.fetch(select).await? {
                kept.insert((row.text(0)?, row.text(1)?), (id(&row.text(2)?)?, row.text(3)?));
            }
        }
        let mut live: HashMap<Key, Uuid> = HashMap::new();
        let unique = keys(jobs, |job| job.unique_key.as_ref());
        if !unique.is_empty() {
            let mut select = self.statement();
            push_id(select.push("select j.namespace, j.unique_key, "), "j.id").push(" from ");
            push_rows(&mut select, &KEY, &unique)?;
            select.push(
                " join catalog_jobs_live j on j.namespace = d.job_namespace and j.unique_key = d.job_key",
            );
            for mut row in transaction.fetch(select).await? {
                live.insert((row.text(0)?, row.text(1)?), id(&row.text(2)?)?);
            }
        }
        let of = |job: &NewJob| {
            let key = |key: &Option<String>| key.clone().map(|key| (job.namespace.to_string(), key));
            if let Some((id, digest)) = key(&job.idempotency_key).and_then(|key| kept.get(&key)) {
                let same = *digest == job.digest();
                return Some(if same { Enqueued::Replayed(*id) } else { Enqueued::Mismatched(*id) });
            }
            key(&job.unique_key).and_then(|key| live.get(&key)).map(|id| Enqueued::Live(*id))
        };
        Ok(jobs.iter().map(of).collect())
    }
}
