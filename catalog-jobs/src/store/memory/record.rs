use std::time::Duration;

use catalog_core::{
    clock::Timestamp,
    name::PluginName,
    store::{Attribution, MemoryTransaction, StoreError, StoreErrorKind, hook::Recorder},
    tenant::TenantScope,
};
use uuid::Uuid;

use super::{Kept, Live, MemoryJobStore, Phase, State, enqueue::Refused};
use crate::{
    record::{Cancel, JobQuery, JobRecord, JobState, Retried},
    store::{RecordStore, told::Told},
};

impl<R: Recorder<MemoryTransaction>> RecordStore for MemoryJobStore<R> {
    async fn list(&self, scope: &TenantScope, query: &JobQuery) -> Result<Vec<JobRecord>, StoreError> {
        Ok(self.with(|state, _| {
            let of_scope = state.kept.values().filter(|kept| scope.covers(&kept.job.namespace));
            let mut records: Vec<JobRecord> = of_scope
                .map(|kept| shown(kept, state.live.get(&kept.job.id)))
                .filter(|record| query.matches(record))
                .collect();
            records.sort_unstable_by_key(|record| std::cmp::Reverse(record.id));
            records.truncate(query.size.get() + 1);
            records
        }))
    }

    async fn find(&self, scope: &TenantScope, id: Uuid) -> Result<Option<JobRecord>, StoreError> {
        Ok(self.with(|state, _| {
            let kept = state.find(scope, id)?;
            Some(shown(kept, state.live.get(&id)))
        }))
    }

    async fn cancel(
        &self,
        scope: &TenantScope,
        by: &Attribution,
        id: Uuid,
        grace: Duration,
    ) -> Result<Option<Cancel>, StoreError> {
        let namespace = scope.single().ok_or(StoreErrorKind::ScopeTooWide)?;
        let tell = |canceled: &Option<(Cancel, bool, Option<PluginName>)>| {
            let changed = canceled.as_ref().filter(|(_, changed, _)| *changed);
            let told = changed
                .and_then(|(canceled, _, plugin)| Told::canceled(namespace, plugin.clone(), id, *canceled));
            told.into_iter().collect()
        };
        let canceled = self.change(by, |state, now| state.cancel(scope, id, grace, now), tell).await?;
        Ok(canceled.map(|(canceled, ..)| canceled))
    }

    async fn retry(
        &self,
        scope: &TenantScope,
        by: &Attribution,
        id: Uuid,
    ) -> Result<Option<Retried>, StoreError> {
        let namespace = scope.single().ok_or(StoreErrorKind::ScopeTooWide)?;
        let ended = |state: &State| -> Ended {
            let kept = state.find(scope, id)?;
            kept.finished.map(|(ended, _)| (ended, kept.job.plugin.clone()))
        };
        if self.with(|state, _| ended(state)).is_some_and(|(ended, _)| ended != JobState::Succeeded) {
            self.admission.admit(&mut MemoryTransaction::default(), namespace).await?;
        }
        let change = |state: &mut State, now| {
            // a refusal changes nothing
            let mut after = state.clone();
            let retried = after.retry(scope, id, now);
            if retried == Some(Retried::Queued) {
                self.keep_quota(&after, namespace, 1).map_err(Refused)?;
            }
            Ok((ended(&std::mem::replace(state, after)), retried))
        };
        let tell = |retried: &Result<(Ended, Option<Retried>), Refused>| {
            let Ok((Some((ended, plugin)), Some(Retried::Queued))) = retried else { return Vec::new() };
            vec![Told::retried(namespace, plugin.clone(), id, *ended)]
        };
        let retried = self.change(by, change, tell).await?.map_err(|refused| refused.0)?.1;
        if retried == Some(Retried::Queued) {
            self.wakes.wake_all();
        }
        Ok(retried)
    }
}

/// How a job has ended, and the plugin that it is for.
type Ended = Option<(JobState, Option<PluginName>)>;

impl State {
    fn find(&self, scope: &TenantScope, id: Uuid) -> Option<&Kept> {
        self.kept.values().find(|kept| kept.job.id == id && scope.covers(&kept.job.namespace))
    }

    /// What becomes of the wish to cancel a job, whether that changes anything, and the plugin that it is for.
    fn cancel(
        &mut self,
        scope: &TenantScope,
        id: Uuid,
        grace: Duration,
        now: Timestamp,
    ) -> Option<(Cancel, bool, Option<PluginName>)> {
        let kept = self.find(scope, id)?;
        let plugin = kept.job.plugin.clone();
        if let Some((ended, _)) = kept.finished {
            return Some((Cancel::Finished(ended), false, plugin));
        }
        let live = self.live.get_mut(&id)?;
        if live.phase == Phase::Running {
            let is_first = live.cancel_by.is_none();
            live.cancel_by.get_or_insert(now.saturating_add(grace));
            return Some((Cancel::Requested, is_first, plugin));
        }
        self.finish(id, JobState::Canceled, now);
        Some((Cancel::Canceled, true, plugin))
    }

    fn retry(&mut self, scope: &TenantScope, id: Uuid, now: Timestamp) -> Option<Retried> {
        let kept = self.find(scope, id)?;
        let job = kept.job.clone();
        match kept.finished {
            None => return Some(Retried::Live),
            Some((JobState::Succeeded, _)) => return Some(Retried::Succeeded),
            Some(_) => {}
        }
        if let Some(other) = self.unique(&job) {
            return Some(Retried::Conflict(other.job.id));
        }
        let kept = self.kept(&job.namespace, id)?;
        kept.finished = None;
        kept.dead = false;
        kept.attempt = 0;
        kept.progress = None;
        let live = Live { job, phase: Phase::Ready, attempt: 0, token: 0, until: now, cancel_by: None };
        self.live.insert(id, live);
        Some(Retried::Queued)
    }
}

fn shown(kept: &Kept, live: Option<&Live>) -> JobRecord {
    let job = &kept.job;
    let state = match (kept.finished, live) {
        (Some((state, _)), _) => state,
        (None, Some(live)) if live.phase == Phase::Running => JobState::Running,
        (None, _) => JobState::Queued,
    };
    let scheduled = live.filter(|live| live.phase == Phase::Scheduled);
    JobRecord {
        id: job.id,
        namespace: job.namespace.clone(),
        queue: job.queue.clone(),
        kind: job.kind.clone(),
        plugin: job.plugin.clone(),
        source_id: job.source.clone(),
        requested_by: job.requested_by.clone(),
        requested_at: kept.requested_at,
        state,
        scheduled: scheduled.is_some(),
        dead: kept.dead,
        cancel_requested: live.is_some_and(|live| live.cancel_by.is_some()),
        progress: kept.progress.clone(),
        attempt_count: live.map_or(kept.attempt, |live| live.attempt),
        max_attempts: job.max_attempts,
        next_attempt_at: scheduled.map(|live| live.until),
        started_at: kept.started_at,
        finished_at: kept.finished.map(|(_, at)| at),
        last_error: kept.error.clone(),
        idempotency_key: kept.idempotency_key.clone(),
        result: kept.result.as_ref().and_then(|result| serde_json::from_str(result).ok()),
    }
}
