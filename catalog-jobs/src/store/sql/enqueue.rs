use std::collections::{BTreeMap, BTreeSet, HashMap};

use catalog_core::{
    name::Namespace,
    store::{
        Attribution, StoreError, StoreErrorKind,
        database::Transaction,
        hook::{Recorder, Stock, check_quota},
        statement::Dialect,
    },
};
use uuid::Uuid;

use super::{
    SqlJobStore, notify,
    rows::{Column, push_rows},
    signed,
};
use crate::{
    gate::Gate,
    name::QueueName,
    new_job::{Enqueued, NewJob},
    store::{EnqueueStore, told::Told},
    wake::Wakes,
};

/// How often a key is looked for that another transaction takes and gives back meanwhile.
const TRIES: usize = 3;
/// From so many jobs on they are written in several statements of one transaction.
const AT_ONCE: usize = 1_000;

impl<R: Recorder<Transaction>> EnqueueStore for SqlJobStore<R> {
    type Transaction = Transaction;

    async fn enqueue(&self, jobs: &[NewJob]) -> Result<Vec<Enqueued>, StoreError> {
        if jobs.is_empty() {
            return Ok(Vec::new());
        }
        let plain = |job: &NewJob| job.unique_key.is_none() && job.idempotency_key.is_none();
        if self.database.dialect() == Dialect::Postgres
            && self.admission.is_none()
            && jobs.len() <= AT_ONCE
            && jobs.iter().all(plain)
        {
            let (at_once, later): (Vec<_>, Vec<_>) =
                queues(jobs).into_iter().partition(|queue| self.notifier.is_due(queue));
            self.database.change_any_tenant(self.insert_both(jobs, &at_once)?).await?;
            for queue in later {
                self.notifier.follow(queue.clone());
            }
            for queue in queues(jobs) {
                self.wakes.wake(queue);
            }
            return Ok(jobs.iter().map(|job| Enqueued::New(job.id)).collect());
        }
        let mut transaction = self.database.begin_any_tenant().await?;
        let enqueued = self.enqueue_within(&mut transaction, jobs).await?;
        transaction.commit().await?;
        Ok(enqueued)
    }

    async fn enqueue_for(&self, by: &Attribution, jobs: &[NewJob]) -> Result<Vec<Enqueued>, StoreError> {
        let mut transaction = self.database.begin_any_tenant().await?;
        let enqueued = self.enqueue_within(&mut transaction, jobs).await?;
        for told in Told::enqueued(jobs, &enqueued) {
            self.recorder.record(&mut transaction, &told.change(by)).await?;
        }
        transaction.commit().await?;
        Ok(enqueued)
    }

    async fn enqueue_within(
        &self,
        transaction: &mut Transaction,
        jobs: &[NewJob],
    ) -> Result<Vec<Enqueued>, StoreError> {
        let tenants = jobs.iter().map(|job| &job.namespace).collect();
        let limits = self.admit(transaction, tenants).await?;
        self.forget_keys(transaction, jobs).await?;
        let mut outcomes: HashMap<Uuid, Enqueued> = HashMap::new();
        let mut left = jobs.to_vec();
        // in one order of keys, so that two batches do not wait for each other
        left.sort_by(|a, b| key(a).cmp(&key(b)));
        for _ in 0..TRIES {
            self.insert(transaction, &left, &mut outcomes).await?;
            left.retain(|job| !outcomes.contains_key(&job.id));
            if left.is_empty() {
                break;
            }
            let there = self.there(transaction, &left).await?;
            let found = left.iter().zip(there).filter_map(|(job, there)| Some((job.id, there?)));
            outcomes.extend(found);
            left.retain(|job| !outcomes.contains_key(&job.id));
        }
        if !left.is_empty() {
            return Err(StoreErrorKind::Conflict.into());
        }
        for (namespace, limit) in limits {
            let is_new = |job: &&NewJob| {
                job.namespace == namespace && outcomes.get(&job.id).is_some_and(|outcome| outcome.is_new())
            };
            let new = jobs.iter().filter(is_new).count();
            self.keep_quota(transaction, &namespace, new, limit).await?;
        }
        let mut later: Vec<_> = jobs.iter().filter_map(|job| Some((job, job.debounce?))).collect();
        later.sort_by(|(a, _), (b, _)| key(a).cmp(&key(b)));
        for (job, debounce) in later {
            if let Some(Enqueued::Live(live)) = outcomes.get(&job.id) {
                self.put_off(transaction, &job.namespace, *live, debounce).await?;
            }
        }
        for queue in queues(jobs) {
            self.notifier.notify(transaction, queue).await?;
            let (wakes, queue) = (self.wakes.clone(), queue.clone());
            transaction.after_commit(move || wakes.wake(&queue));
        }
        let outcome = |job: &NewJob| outcomes.get(&job.id).copied();
        jobs.iter().map(outcome).collect::<Option<_>>().ok_or_else(|| StoreErrorKind::Conflict.into())
    }

    fn wakes(&self) -> &Wakes {
        &self.wakes
    }

    async fn listen(&self) -> Result<(), StoreError> {
        notify::listen(&self.database, &self.wakes).await
    }
}

fn queues(jobs: &[NewJob]) -> BTreeSet<&QueueName> {
    jobs.iter().map(|job| &job.queue).collect()
}

fn key(job: &NewJob) -> (&str, Option<&str>, Option<&str>) {
    (job.namespace.as_str(), job.idempotency_key.as_deref(), job.unique_key.as_deref())
}

const ID: [Column<(Namespace, Uuid)>; 2] = [
    Column::text("job_namespace", |(namespace, _)| Some(namespace.to_string())),
    Column::id("job_id", |(_, id)| *id),
];

impl<R> SqlJobStore<R> {
    /// Asks whether the tenants may have jobs, and how many. Those that have a limit are then taken one by one.
    pub(super) async fn admit(
        &self,
        transaction: &mut Transaction,
        tenants: BTreeSet<&Namespace>,
    ) -> Result<BTreeMap<Namespace, u64>, StoreError> {
        let Some(admission) = &self.admission else { return Ok(BTreeMap::new()) };
        let mut limits = BTreeMap::new();
        for namespace in tenants {
            admission.admit(transaction, namespace).await?;
            if let Some(limit) = admission.limit(namespace, Stock::LiveJobs) {
                limits.insert(namespace.clone(), limit);
            }
        }
        let gates: Vec<String> =
            limits.keys().map(|namespace| Gate::Tenant(namespace.clone()).to_string()).collect();
        self.lock(transaction, &gates).await?;
        Ok(limits)
    }

    /// Counts a tenant's jobs, of which so many are new.
    pub(super) async fn keep_quota(
        &self,
        transaction: &mut Transaction,
        namespace: &Namespace,
        new: usize,
        limit: u64,
    ) -> Result<(), StoreError> {
        let mut select = self.statement();
        select.push("select count(*) from catalog_jobs_live where namespace = ").bind(namespace.as_str());
        let mut rows = transaction.fetch(select).await?;
        let used = rows.first_mut().ok_or(StoreErrorKind::Corrupt)?.integer(0)?;
        check_quota(Stock::LiveJobs, used, signed(new), Some(limit))
    }

    /// Writes those whose keys are free.
    async fn insert(
        &self,
        transaction: &mut Transaction,
        jobs: &[NewJob],
        outcomes: &mut HashMap<Uuid, Enqueued>,
    ) -> Result<(), StoreError> {
        let recorded = self.insert_records(transaction, jobs).await?;
        let recorded: Vec<NewJob> = jobs.iter().filter(|job| recorded.contains(&job.id)).cloned().collect();
        let live = self.insert_live(transaction, &recorded).await?;
        let is_live = |job: &&NewJob| live.contains(&job.id);
        outcomes.extend(recorded.iter().filter(is_live).map(|job| (job.id, Enqueued::New(job.id))));
        let undone: Vec<(Namespace, Uuid)> = recorded
            .iter()
            .filter(|job| !live.contains(&job.id))
            .map(|job| (job.namespace.clone(), job.id))
            .collect();
        if !undone.is_empty() {
            let mut delete = self.statement();
            delete.push("delete from catalog_jobs_records where (namespace, id) in (select d.job_namespace, d.job_id from ");
            push_rows(&mut delete, &ID, &undone)?;
            delete.push(")");
            transaction.execute(delete).await?;
        }
        Ok(())
    }
}
