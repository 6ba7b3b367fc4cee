use std::sync::Arc;

use catalog_core::{
    clock::Timestamp,
    name::Namespace,
    store::{
        Attribution, MemoryTransaction, StoreError,
        hook::{Recorder, Stock, check_quota},
    },
};

use uuid::Uuid;

use super::{Kept, Live, MemoryJobStore, Phase, State};
use crate::{
    new_job::{Debounce, Due, Enqueued, IDEMPOTENT, NewJob},
    store::{EnqueueStore, told::Told},
    wake::Wakes,
};

impl<R: Recorder<MemoryTransaction>> EnqueueStore for MemoryJobStore<R> {
    type Transaction = MemoryTransaction;

    async fn enqueue(&self, jobs: &[NewJob]) -> Result<Vec<Enqueued>, StoreError> {
        self.enqueue_within(&mut MemoryTransaction::default(), jobs).await
    }

    async fn enqueue_for(&self, by: &Attribution, jobs: &[NewJob]) -> Result<Vec<Enqueued>, StoreError> {
        for job in jobs {
            self.admission.admit(&mut MemoryTransaction::default(), &job.namespace).await?;
        }
        // a refusal changes nothing, and is told to nobody but the caller
        let change = |state: &mut State, now| self.enqueue_all(state, jobs, now).map_err(Refused);
        let tell = |enqueued: &Result<Vec<Enqueued>, Refused>| {
            enqueued.as_ref().map(|enqueued| Told::enqueued(jobs, enqueued)).unwrap_or_default()
        };
        let enqueued = self.change(by, change, tell).await?.map_err(|refused| refused.0)?;
        for job in jobs {
            self.wakes.wake(&job.queue);
        }
        Ok(enqueued)
    }

    async fn enqueue_within(
        &self,
        transaction: &mut MemoryTransaction,
        jobs: &[NewJob],
    ) -> Result<Vec<Enqueued>, StoreError> {
        for job in jobs {
            self.admission.admit(transaction, &job.namespace).await?;
        }
        let enqueued = self.with(|state, now| self.enqueue_all(state, jobs, now))?;
        for job in jobs {
            self.wakes.wake(&job.queue);
        }
        Ok(enqueued)
    }

    fn wakes(&self) -> &Wakes {
        &self.wakes
    }

    async fn listen(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// What a tenant's quota says; one refusal is as good as another.
pub(super) struct Refused(pub(super) StoreError);

impl PartialEq for Refused {
    fn eq(&self, other: &Self) -> bool {
        self.0.kind() == other.0.kind()
    }
}

impl<R> MemoryJobStore<R> {
    /// All or none.
    fn enqueue_all(
        &self,
        state: &mut State,
        jobs: &[NewJob],
        now: Timestamp,
    ) -> Result<Vec<Enqueued>, StoreError> {
        let enqueued: Vec<Enqueued> = jobs.iter().map(|job| state.enqueue(job, now)).collect();
        for job in jobs {
            let of_tenant = jobs.iter().zip(&enqueued).filter(|(other, _)| other.namespace == job.namespace);
            let new = of_tenant.filter(|(_, outcome)| outcome.is_new()).count();
            if let Err(refused) = self.keep_quota(state, &job.namespace, new) {
                state.take_back(jobs, &enqueued);
                return Err(refused);
            }
        }
        for (job, enqueued) in jobs.iter().zip(&enqueued) {
            if let (Some(debounce), Enqueued::Live(id)) = (job.debounce, enqueued) {
                state.put_off(*id, debounce, now);
            }
        }
        Ok(enqueued)
    }

    /// Counts a tenant's jobs, of which so many are new.
    pub(super) fn keep_quota(
        &self,
        state: &State,
        namespace: &Namespace,
        new: usize,
    ) -> Result<(), StoreError> {
        let limit = self.admission.limit(namespace, Stock::LiveJobs);
        let used = state.live.values().filter(|live| live.job.namespace == *namespace).count();
        let signed = |count| i64::try_from(count).unwrap_or(i64::MAX);
        check_quota(Stock::LiveJobs, signed(used), signed(new), limit)
    }
}

impl State {
    fn enqueue(&mut self, job: &NewJob, now: Timestamp) -> Enqueued {
        if let Some(key) = &job.idempotency_key {
            let same = self.kept.values_mut().find(|kept| {
                kept.job.namespace == job.namespace && kept.idempotency_key.as_ref() == Some(key)
            });
            match same {
                Some(kept) if now.saturating_since(kept.requested_at) >= IDEMPOTENT => {
                    kept.idempotency_key = None;
                }
                Some(kept) if kept.job.digest() == job.digest() => return Enqueued::Replayed(kept.job.id),
                Some(kept) => return Enqueued::Mismatched(kept.job.id),
                None => {}
            }
        }
        if let Some(live) = job.unique_key.as_ref().and_then(|_| self.unique(job)) {
            return Enqueued::Live(live.job.id);
        }
        let due = match job.due {
            Due::Now => now,
            Due::After(span) => now.saturating_add(span),
            // what was to be done long ago waits from now on
            Due::At(time) => time.max(now),
        };
        let phase = if due > now { Phase::Scheduled } else { Phase::Ready };
        let shared = Arc::new(job.clone());
        let live =
            Live { job: Arc::clone(&shared), phase, attempt: 0, token: 0, until: due, cancel_by: None };
        let kept = Kept {
            idempotency_key: job.idempotency_key.clone(),
            job: shared,
            requested_at: now,
            finished: None,
            dead: false,
            attempt: 0,
            started_at: None,
            progress: None,
            error: None,
            result: None,
        };
        self.live.insert(job.id, live);
        self.kept.insert((job.namespace.clone(), job.id), kept);
        Enqueued::New(job.id)
    }

    /// Puts a job off that is not due yet and was never attempted.
    fn put_off(&mut self, id: Uuid, debounce: Debounce, now: Timestamp) {
        let Some(live) = self.live.get_mut(&id) else { return };
        let Some(kept) = self.kept.get(&(live.job.namespace.clone(), id)) else { return };
        if live.phase == Phase::Scheduled && live.until > now && kept.started_at.is_none() {
            let latest = kept.requested_at.saturating_add(debounce.most);
            live.until = live.until.max(now.saturating_add(debounce.quiet).min(latest));
        }
    }

    /// The live job of the same tenant with the same unique key.
    pub(super) fn unique(&self, job: &NewJob) -> Option<&Live> {
        let same = |live: &&Live| {
            job.unique_key.is_some()
                && live.job.namespace == job.namespace
                && live.job.unique_key == job.unique_key
        };
        self.live.values().find(same)
    }

    fn take_back(&mut self, jobs: &[NewJob], enqueued: &[Enqueued]) {
        for (job, _) in jobs.iter().zip(enqueued).filter(|(_, outcome)| outcome.is_new()) {
            self.live.remove(&job.id);
            self.kept.remove(&(job.namespace.clone(), job.id));
        }
    }
}
