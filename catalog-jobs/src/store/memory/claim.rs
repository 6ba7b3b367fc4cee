use std::{
    cmp::Reverse,
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use catalog_core::{
    clock::Timestamp,
    store::{
        MemoryTransaction, StoreError, StoreErrorKind,
        hook::{Fence, Recorder},
    },
};
use uuid::Uuid;

use super::{Live, MemoryJobStore, Phase, State};
use crate::{
    allot::{Rotation, Running, Share, allot, parts, window},
    claim::{Beat, Claim, ClaimBatch, ClaimRequest, Claimed, Outcome, Reaped, Renewed, Settlement},
    gate::Gate,
    lease::Lease,
    name::QueueName,
    record::JobState,
    store::{ClaimStore, CompleteStore, LEASE_LOST},
};

impl<R: Recorder<MemoryTransaction>> ClaimStore for MemoryJobStore<R> {
    async fn claim_any_tenant(
        &self,
        request: &ClaimRequest,
        rotation: &mut Rotation,
    ) -> Result<ClaimBatch, StoreError> {
        self.room.note(request);
        Ok(self.with(|state, now| state.claim(request, rotation, now)))
    }

    async fn renew(&self, beats: &[Beat], lease: Duration) -> Result<Vec<Renewed>, StoreError> {
        Ok(self.with(|state, now| {
            let renew = |beat: &Beat| {
                let Some(live) = state.held(&beat.claim) else { return Renewed::Lost };
                live.until = now.saturating_add(lease);
                let renewed = if live.cancel_by.is_some() { Renewed::CancelRequested } else { Renewed::Held };
                if let Some(progress) = &beat.progress
                    && let Some(kept) = state.kept(&beat.claim.namespace, beat.claim.id)
                {
                    kept.progress = Some(progress.clone());
                }
                renewed
            };
            beats.iter().map(renew).collect()
        }))
    }

    async fn settle(&self, ended: &[Settlement]) -> Result<Vec<bool>, StoreError> {
        let (held, queues) = self.with(|state, now| {
            let queues = state.queues_of(ended);
            let held: Vec<bool> = ended.iter().map(|ended| state.settle(ended, now)).collect();
            (held, queues)
        });
        self.make_room(&queues);
        if ended.iter().any(|ended| matches!(ended.outcome, Outcome::Retry { .. } | Outcome::Released { .. }))
        {
            self.wakes.wake_all();
        }
        Ok(held)
    }

    async fn reap_any_tenant(&self, most: usize) -> Result<Reaped, StoreError> {
        let reaped = self.with(|state, now| state.reap(most, now));
        if reaped.total() > 0 {
            self.wakes.wake_all();
        }
        Ok(reaped)
    }
}

/// Makes a change fail when the claim is lost.
#[derive(Clone, Debug)]
pub struct MemoryFence {
    state: Arc<Mutex<State>>,
    claim: Claim,
}

impl Fence<MemoryTransaction> for MemoryFence {
    async fn check(&self, _: &mut MemoryTransaction) -> Result<(), StoreError> {
        let is_held = self.state.lock().unwrap_or_else(PoisonError::into_inner).held(&self.claim).is_some();
        if is_held { Ok(()) } else { Err(StoreErrorKind::Fenced.into()) }
    }
}

impl<R: Recorder<MemoryTransaction>> CompleteStore for MemoryJobStore<R> {
    type Transaction = MemoryTransaction;
    type Fence = MemoryFence;

    fn fence(&self, claim: &Claim) -> MemoryFence {
        MemoryFence { state: Arc::clone(&self.state), claim: claim.clone() }
    }

    fn renewing_fence(&self, claim: &Claim, _: &Lease) -> MemoryFence {
        // an effect in memory takes no time
        self.fence(claim)
    }

    async fn complete_within(
        &self,
        _: &mut MemoryTransaction,
        claim: &Claim,
        result: Option<String>,
        done: Box<dyn FnOnce() + Send>,
    ) -> Result<(), StoreError> {
        let ended =
            Settlement { claim: claim.clone(), outcome: Outcome::Succeeded { result }, progress: None };
        if self.settle(&[ended]).await? != [true] {
            return Err(StoreErrorKind::Fenced.into());
        }
        done();
        Ok(())
    }
}

impl<R> MemoryJobStore<R> {
    /// Wakes who may be held back by what has ended in these queues.
    fn make_room(&self, ended: &[QueueName]) {
        for queue in self.room.made_by(ended.iter().map(QueueName::as_str)) {
            self.wakes.wake(&queue);
        }
    }
}

impl State {
    /// Of those claims that are held.
    fn queues_of(&mut self, ended: &[Settlement]) -> Vec<QueueName> {
        let queue = |ended: &Settlement| Some(self.held(&ended.claim)?.job.queue.clone());
        ended.iter().filter_map(queue).collect()
    }

    fn claim(&mut self, request: &ClaimRequest, rotation: &mut Rotation, now: Timestamp) -> ClaimBatch {
        self.promote(now);
        let mut batch = ClaimBatch { next_due: self.next_due(request, now), ..ClaimBatch::default() };
        if self.paused.contains(&Gate::Queue(request.queue.clone())) {
            return batch;
        }
        let ready = |live: &&Live| live.phase == Phase::Ready && live.job.queue == request.queue;
        let lanes: BTreeSet<String> = self.live.values().filter(ready).map(|live| live.job.lane()).collect();
        let window = window(request.most);
        let behind: Vec<String> =
            lanes.iter().filter(|lane| lane.as_str() > rotation.from()).take(window).cloned().collect();
        let front = if rotation.turns(&behind, window) {
            lanes.into_iter().take(window).collect()
        } else {
            Vec::new()
        };
        let mut seen = rotation.saw(behind, front, window);
        seen.lanes.retain(|lane| {
            let tenant = parts(lane).0.parse().map(Gate::Tenant);
            tenant.is_ok_and(|tenant| !self.paused.contains(&tenant))
        });
        let shares = allot(&seen.lanes, &self.running(request), &request.limits, request.most, rotation);
        for id in self.pick(request, &shares) {
            batch.claimed.extend(self.take(id, now.saturating_add(request.lease), now));
        }
        batch.more = seen.more;
        if !seen.lanes.is_empty() {
            batch.note(request, rotation);
        }
        batch
    }

    /// Those that have become due are.
    fn promote(&mut self, now: Timestamp) {
        let due = |live: &&mut Live| live.phase == Phase::Scheduled && live.until <= now;
        self.live.values_mut().filter(due).for_each(|live| live.phase = Phase::Ready);
    }

    fn next_due(&self, request: &ClaimRequest, now: Timestamp) -> Option<Duration> {
        let scheduled = |live: &&Live| live.phase == Phase::Scheduled && live.job.queue == request.queue;
        let next = self.live.values().filter(scheduled).map(|live| live.until).min();
        next.map(|next| next.saturating_since(now))
    }

    fn running(&self, request: &ClaimRequest) -> Running {
        let mut running = Running::default();
        for live in self.live.values().filter(|live| live.phase == Phase::Running) {
            running.global += 1;
            if live.job.queue == request.queue {
                *running.lanes.entry(live.job.lane()).or_default() += 1;
            }
        }
        running
    }

    /// The jobs that the shares are used for: of each tenant those of the highest priority.
    fn pick(&self, request: &ClaimRequest, shares: &[Share]) -> Vec<Uuid> {
        let mut picked = Vec::new();
        for of_tenant in shares.chunk_by(|a, b| a.tenant == b.tenant) {
            let mut candidates = Vec::new();
            for share in of_tenant {
                let of_lane = self.live.values().filter(|live| {
                    live.phase == Phase::Ready
                        && live.job.queue == request.queue
                        && live.job.lane() == share.lane
                });
                let mut ids: Vec<(Reverse<i16>, Uuid)> =
                    of_lane.map(|live| (Reverse(live.job.priority), live.job.id)).collect();
                ids.sort_unstable();
                candidates.extend(ids.into_iter().take(share.most));
            }
            candidates.sort_unstable();
            let most = of_tenant.first().map_or(0, |share| share.of_tenant);
            picked.extend(candidates.into_iter().take(most).map(|(_, id)| id));
        }
        picked
    }

    fn take(&mut self, id: Uuid, until: Timestamp, now: Timestamp) -> Option<Claimed> {
        self.last_token += 1;
        let live = self.live.get_mut(&id)?;
        live.phase = Phase::Running;
        live.attempt += 1;
        live.token = self.last_token;
        live.until = until;
        let (job, attempt) = (live.job.clone(), live.attempt);
        let kept = self.kept.get_mut(&(job.namespace.clone(), id))?;
        kept.started_at = Some(now);
        Some(Claimed {
            claim: Claim { namespace: job.namespace.clone(), id, token: self.last_token },
            kind: job.kind.clone(),
            payload: job.payload.clone(),
            plugin: job.plugin.clone(),
            source: job.source.clone(),
            requested_by: job.requested_by.clone(),
            requested_at: kept.requested_at,
            claimed_at: now,
            attempt,
            max_attempts: job.max_attempts,
        })
    }

    fn settle(&mut self, ended: &Settlement, now: Timestamp) -> bool {
        let claim = &ended.claim;
        let Some(live) = self.held(claim) else { return false };
        let (again, refund, error) = match &ended.outcome {
            Outcome::Retry { error, after, refund } => (Some(*after), *refund, Some(error.clone())),
            Outcome::Released { after } => (Some(*after), true, None),
            Outcome::Failed { error, .. } => (None, false, Some(error.clone())),
            Outcome::Succeeded { .. } | Outcome::Canceled => (None, false, None),
        };
        let canceled = live.cancel_by.is_some();
        if let Some(after) = again.filter(|_| !canceled) {
            live.until = now.saturating_add(after);
            live.phase = if after.is_zero() { Phase::Ready } else { Phase::Scheduled };
            live.attempt -= u32::from(refund);
            let attempt = live.attempt;
            if let Some(kept) = self.kept(&claim.namespace, claim.id) {
                kept.attempt = attempt;
                kept.error = error.or(kept.error.take());
                kept.progress = ended.progress.clone().or(kept.progress.take());
            }
            return true;
        }
        let state = match &ended.outcome {
            Outcome::Succeeded { .. } => JobState::Succeeded,
            Outcome::Failed { .. } => JobState::Failed,
            // what was to be tried again, but for the wish to cancel it
            _ => JobState::Canceled,
        };
        if let Some(kept) = self.finish(claim.id, state, now) {
            kept.error = error.or(kept.error.take());
            kept.dead = matches!(ended.outcome, Outcome::Failed { dead: true, .. });
            kept.progress = ended.progress.clone().or(kept.progress.take());
            if let Outcome::Succeeded { result } = &ended.outcome {
                kept.result.clone_from(result);
                kept.error = None;
            }
        }
        true
    }

    fn reap(&mut self, most: usize, now: Timestamp) -> Reaped {
        let over = |live: &&Live| {
            live.phase == Phase::Running && (live.until <= now || live.cancel_by.is_some_and(|by| by <= now))
        };
        let over: Vec<Live> = self.live.values().filter(over).take(most).cloned().collect();
        let mut reaped = Reaped::default();
        for live in over {
            let id = live.job.id;
            if live.cancel_by.is_some() {
                reaped.canceled += 1;
                self.finish(id, JobState::Canceled, now);
            } else if live.attempt >= live.job.max_attempts {
                reaped.dead += 1;
                if let Some(kept) = self.finish(id, JobState::Failed, now) {
                    kept.dead = true;
                    kept.error = Some(LEASE_LOST.into());
                }
            } else if let Some(live) = self.live.get_mut(&id) {
                reaped.requeued += 1;
                live.phase = Phase::Ready;
                live.until = now;
                let namespace = live.job.namespace.clone();
                if let Some(kept) = self.kept(&namespace, id) {
                    kept.error = Some(LEASE_LOST.into());
                }
            }
        }
        reaped
    }
}
