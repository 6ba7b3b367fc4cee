use std::{collections::BTreeMap, time::Duration};

use catalog_core::{
    clock::{Clock, ManualClock, Timestamp},
    testing::{TEST, scope},
};
use proptest::prelude::*;
use uuid::Uuid;

use super::{LEASE, claim, say};
use crate::{
    claim::{Beat, Claim, Outcome, Renewed, Settlement},
    new_job::{Due, Enqueued},
    record::{Cancel, JobState, Retried},
    store::JobStore,
};

/// Something that happens to a store. Jobs and workers are meant by their numbers, as many as there are.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// A job of one of two tenants, due in so many seconds, with one of two unique keys if any, by which it may be debounced.
    Enqueue(u8, u8, u8),
    /// A worker claims so many.
    Claim(u8),
    /// The worker of a claim, which it may have lost long ago, ends it in one of several ways.
    Settle(u8, u8),
    /// The worker of a claim gives a sign of life.
    Renew(u8),
    /// Somebody cancels a job.
    Cancel(u8),
    /// Somebody has a job be tried again.
    Retry(u8),
    /// So many seconds pass; every worker that gave no sign of life is as good as dead.
    Pass(u8),
    /// Claims that have run out are taken away.
    Reap,
}

/// Histories of that many steps at most.
pub fn histories(most: usize) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (any::<u8>(), any::<u8>(), any::<u8>()).prop_map(|(tenant, due, key)| Step::Enqueue(tenant, due, key)),
        4 => (1..4_u8).prop_map(Step::Claim),
        5 => (any::<u8>(), any::<u8>()).prop_map(|(claim, how)| Step::Settle(claim, how)),
        2 => any::<u8>().prop_map(Step::Renew),
        2 => any::<u8>().prop_map(Step::Cancel),
        2 => any::<u8>().prop_map(Step::Retry),
        3 => (1..40_u8).prop_map(Step::Pass),
        2 => Just(Step::Reap),
    ];
    prop::collection::vec(step, 1..most)
}

/// What is known of a job, by the simplest account of it that there is.
#[derive(Debug)]
struct Known {
    tenant: &'static str,
    key: Option<u8>,
    state: JobState,
    attempts: u32,
    /// Seconds from the start, until it is attempted.
    enqueued: Option<u64>,
    token: Option<i64>,
    /// Seconds from the start: when a waiting job is due, or a running one without its lease.
    until: u64,
    cancel_by: Option<u64>,
}

const ATTEMPTS: u32 = 3;
const GRACE: u64 = 10;
const MOST: u64 = 25;

/// Does the steps to a store, and to an account of what each job should be; holds one against the other after each.
pub async fn histories_agree<S: JobStore>(store: &S, clock: &ManualClock, steps: &[Step]) {
    let (begun, jobs) = (clock.now(), BTreeMap::new());
    let mut model = Model { store, clock, begun, now: 0, jobs, order: Vec::new(), claims: Vec::new() };
    for step in steps {
        model.take(*step).await;
        model.compare().await;
    }
}

struct Model<'a, S> {
    store: &'a S,
    clock: &'a ManualClock,
    begun: Timestamp,
    now: u64,
    jobs: BTreeMap<Uuid, Known>,
    order: Vec<Uuid>,
    claims: Vec<Claim>,
}

impl<S: JobStore> Model<'_, S> {
    async fn take(&mut self, step: Step) {
        match step {
            Step::Enqueue(tenant, due, key) => self.enqueue(tenant, due, key).await,
            Step::Claim(most) => self.claim(most.into()).await,
            Step::Settle(number, how) => self.settle(number, how).await,
            Step::Renew(number) => self.renew(number).await,
            Step::Cancel(number) => self.cancel(number).await,
            Step::Retry(number) => self.retry(number).await,
            Step::Pass(seconds) => {
                self.now += u64::from(seconds);
                self.clock.advance(Duration::from_secs(seconds.into()));
            }
            Step::Reap => self.reap().await,
        }
    }

    fn live(&self, tenant: &str, key: Option<u8>) -> Option<Uuid> {
        key?;
        let same = |known: &Known| known.tenant == tenant && known.key == key && !known.state.is_final();
        self.jobs.iter().find(|(_, known)| same(known)).map(|(id, _)| *id)
    }

    fn held(&self, claim: &Claim) -> bool {
        self.jobs.get(&claim.id).is_some_and(|known| known.token == Some(claim.token))
    }

    fn one_of<T: Clone>(all: &[T], number: u8) -> Option<T> {
        all.get(usize::from(number).checked_rem(all.len())?).cloned()
    }

    async fn enqueue(&mut self, tenant: u8, due: u8, key: u8) {
        let tenant = if tenant.is_multiple_of(2) { "a" } else { "b" };
        let debounced = due / 3 % 2 == 1;
        let (due, key) = (u64::from(due % 3) * 10, (key % 3).checked_sub(1));
        let mut job = say(tenant, "x").with_max_attempts(ATTEMPTS).unwrap();
        let span = Duration::from_secs(due);
        job = job.due(Due::After(span));
        if let Some(key) = key {
            let key = key.to_string();
            job = if debounced {
                job.debounced(key, span, Duration::from_secs(MOST)).unwrap()
            } else {
                job.with_unique_key(key).unwrap()
            };
        }
        let expected = self.live(tenant, key).map_or(Enqueued::New(job.id), Enqueued::Live);
        assert_eq!(self.store.enqueue(&[job.clone()]).await.unwrap(), [expected]);
        if expected.is_new() {
            let until = self.now + due;
            let (state, attempts, enqueued) = (JobState::Queued, 0, Some(self.now));
            self.jobs.insert(
                job.id,
                Known { tenant, key, state, attempts, enqueued, token: None, until, cancel_by: None },
            );
            self.order.push(job.id);
        } else if debounced && let Some(known) = self.jobs.get_mut(&expected.id()) {
            let waits = known.state == JobState::Queued && known.until > self.now;
            if let Some(enqueued) = known.enqueued.filter(|_| waits) {
                known.until = known.until.max((self.now + due).min(enqueued + MOST));
            }
        }
    }

    async fn claim(&mut self, most: usize) {
        let due = |known: &Known| known.state == JobState::Queued && known.until <= self.now;
        let expected = self.jobs.values().filter(|known| due(known)).count();
        let claimed = claim(self.store, most).await;
        assert!(claimed.len() <= most && (expected == 0) == claimed.is_empty(), "{expected} are due");
        let newest = self.claims.iter().map(|claim| claim.token).max();
        for claimed in claimed {
            let known = self.jobs.get_mut(&claimed.claim.id).unwrap();
            assert!(
                known.state == JobState::Queued && known.until <= self.now,
                "claimed twice, or too early"
            );
            known.state = JobState::Running;
            known.attempts += 1;
            known.enqueued = None;
            assert_eq!(claimed.attempt, known.attempts);
            assert!(newest.is_none_or(|newest| claimed.claim.token > newest));
            known.token = Some(claimed.claim.token);
            known.until = self.now + LEASE.as_secs();
            self.claims.push(claimed.claim);
        }
    }

    async fn settle(&mut self, number: u8, how: u8) {
        let Some(claim) = Self::one_of(&self.claims, number) else { return };
        let error = || "no".to_owned();
        let after = u64::from(how / 8 % 3) * 5;
        let span = Duration::from_secs(after);
        let outcome = match how % 6 {
            0 => Outcome::Succeeded { result: None },
            1 => Outcome::Failed { error: error(), dead: false },
            2 => Outcome::Retry { error: error(), after: span, refund: false },
            3 => Outcome::Retry { error: error(), after: span, refund: true },
            4 => Outcome::Canceled,
            _ => Outcome::Released { after: span },
        };
        let ended = Settlement { claim: claim.clone(), outcome: outcome.clone(), progress: None };
        let held = self.held(&claim);
        assert_eq!(self.store.settle(&[ended]).await.unwrap(), [held], "{outcome:?}");
        let now = self.now;
        let Some(known) = self.jobs.get_mut(&claim.id).filter(|_| held) else { return };
        known.token = None;
        let refund = match outcome {
            Outcome::Succeeded { .. } => return known.state = JobState::Succeeded,
            Outcome::Failed { .. } => return known.state = JobState::Failed,
            Outcome::Retry { refund, .. } => refund,
            Outcome::Released { .. } => true,
            Outcome::Canceled => return known.state = JobState::Canceled,
        };
        if known.cancel_by.is_some() {
            known.state = JobState::Canceled;
        } else {
            known.state = JobState::Queued;
            known.until = now + after;
            known.attempts -= u32::from(refund);
        }
    }

    async fn renew(&mut self, number: u8) {
        let Some(claim) = Self::one_of(&self.claims, number) else { return };
        let held = self.held(&claim);
        let beat = [Beat { claim: claim.clone(), progress: None }];
        let renewed = self.store.renew(&beat, LEASE).await.unwrap();
        let now = self.now;
        let expected = match self.jobs.get_mut(&claim.id).filter(|_| held) {
            None => Renewed::Lost,
            Some(known) => {
                known.until = now + LEASE.as_secs();
                if known.cancel_by.is_some() { Renewed::CancelRequested } else { Renewed::Held }
            }
        };
        assert_eq!(renewed, [expected]);
    }

    async fn cancel(&mut self, number: u8) {
        let Some(id) = Self::one_of(&self.order, number) else { return };
        let now = self.now;
        let known = self.jobs.get_mut(&id).unwrap();
        let scope = scope(known.tenant).await;
        let canceled =
            self.store.cancel(&scope, &TEST, id, Duration::from_secs(GRACE)).await.unwrap().unwrap();
        let expected = match known.state {
            JobState::Queued => {
                known.state = JobState::Canceled;
                Cancel::Canceled
            }
            JobState::Running => {
                known.cancel_by.get_or_insert(now + GRACE);
                Cancel::Requested
            }
            over => Cancel::Finished(over),
        };
        assert_eq!(canceled, expected);
    }

    async fn retry(&mut self, number: u8) {
        let Some(id) = Self::one_of(&self.order, number) else { return };
        let known = &self.jobs[&id];
        let (tenant, state) = (known.tenant, known.state);
        let expected = match (state, self.live(tenant, known.key)) {
            (JobState::Queued | JobState::Running, _) => Retried::Live,
            (JobState::Succeeded, _) => Retried::Succeeded,
            (_, Some(other)) => Retried::Conflict(other),
            (_, None) => Retried::Queued,
        };
        assert_eq!(self.store.retry(&scope(tenant).await, &TEST, id).await.unwrap(), Some(expected));
        if expected == Retried::Queued {
            let (now, known) = (self.now, self.jobs.get_mut(&id).unwrap());
            (known.state, known.attempts, known.until, known.cancel_by) = (JobState::Queued, 0, now, None);
        }
    }

    async fn reap(&mut self) {
        let reaped = self.store.reap_any_tenant(1_000).await.unwrap();
        let now = self.now;
        let mut total = 0;
        for known in self.jobs.values_mut().filter(|known| known.state == JobState::Running) {
            if known.until > now && known.cancel_by.is_none_or(|by| by > now) {
                continue;
            }
            total += 1;
            known.token = None;
            known.state = match known.cancel_by {
                Some(_) => JobState::Canceled,
                None if known.attempts >= ATTEMPTS => JobState::Failed,
                None => JobState::Queued,
            };
            known.until = now;
        }
        assert_eq!(reaped.total(), total);
    }

    async fn compare(&self) {
        for (id, known) in &self.jobs {
            let record = self.store.find(&scope(known.tenant).await, *id).await.unwrap().unwrap();
            assert_eq!((record.state, record.attempt_count), (known.state, known.attempts), "{id}");
            assert_eq!(
                record.cancel_requested,
                known.state == JobState::Running && known.cancel_by.is_some()
            );
            assert_eq!(record.finished_at.is_some(), known.state.is_final());
            let next = record.next_attempt_at.map(|at| at.saturating_since(self.begun).as_secs());
            assert!(next.is_none_or(|next| next == known.until), "{next:?} and {}", known.until);
        }
    }
}
