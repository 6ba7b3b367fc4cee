//! Jobs in memory: for examples, and for tests that want no database.

mod claim;
mod enqueue;
mod record;
#[cfg(feature = "schedules")]
mod schedule;
mod upkeep;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use catalog_core::{
    clock::{Clock, SystemClock, Timestamp},
    name::Namespace,
    store::{
        Attribution, MemoryTransaction, StoreError, StoreErrorKind,
        hook::{Admission, Recorder, Unlimited},
    },
};
use uuid::Uuid;

use super::{room::Room, told::Told};
use crate::{
    claim::Claim,
    gate::Gate,
    new_job::NewJob,
    record::{JobState, Progress},
    wake::Wakes,
};

pub use self::claim::MemoryFence;

/// How often a change is tried that another is faster than.
const TRIES: usize = 5;

/// Jobs in memory. What somebody changes is told to the recorder `R`. Cheap to clone; clones hold the same jobs.
#[derive(Clone, Debug)]
pub struct MemoryJobStore<R> {
    state: Arc<Mutex<State>>,
    wakes: Wakes,
    room: Room,
    recorder: Arc<R>,
    clock: Arc<dyn Clock>,
    admission: Arc<dyn Admission<MemoryTransaction>>,
}

#[derive(Clone, Debug, Default)]
struct State {
    live: BTreeMap<Uuid, Live>,
    kept: BTreeMap<(Namespace, Uuid), Kept>,
    paused: BTreeSet<Gate>,
    last_token: i64,
    #[cfg(feature = "schedules")]
    schedules: BTreeMap<(Namespace, crate::name::ScheduleName), super::DueSchedule>,
}

/// A job that waits or runs.
#[derive(Clone, Debug)]
struct Live {
    job: Arc<NewJob>,
    phase: Phase,
    attempt: u32,
    token: i64,
    /// From then on a scheduled job is due, and a running one without its lease; since then a ready one is.
    until: Timestamp,
    /// From then on a job that is to be canceled is.
    cancel_by: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    Ready,
    Scheduled,
    Running,
}

/// What is known of a job, finished or not.
#[derive(Clone, Debug)]
struct Kept {
    job: Arc<NewJob>,
    /// Until it is forgotten.
    idempotency_key: Option<String>,
    requested_at: Timestamp,
    /// None while it is live.
    finished: Option<(JobState, Timestamp)>,
    dead: bool,
    attempt: u32,
    started_at: Option<Timestamp>,
    progress: Option<Progress>,
    error: Option<String>,
    result: Option<String>,
}

impl<R> MemoryJobStore<R> {
    /// An empty store.
    pub fn new(recorder: R) -> Self {
        Self {
            state: Arc::default(),
            wakes: Wakes::default(),
            room: Room::default(),
            recorder: Arc::new(recorder),
            clock: Arc::new(SystemClock),
            admission: Arc::new(Unlimited),
        }
    }

    /// With another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// With what says who may have jobs, and how many.
    #[must_use]
    pub fn with_admission(mut self, admission: Arc<dyn Admission<MemoryTransaction>>) -> Self {
        self.admission = admission;
        self
    }

    /// Takes a job that runs away from its worker at once, as if its lease had run out: for tests.
    #[cfg(feature = "testing")]
    pub fn steal(&self, id: Uuid) {
        self.with(|state, now| {
            if let Some(live) = state.live.get_mut(&id).filter(|live| live.phase == Phase::Running) {
                live.phase = Phase::Ready;
                live.until = now;
            }
        });
        self.wakes.wake_all();
    }

    /// Makes a change that is recorded: what will come of it is told first, and then it is made, unless something else would come of it
    /// by then.
    async fn change<T: PartialEq + Send>(
        &self,
        by: &Attribution,
        change: impl Fn(&mut State, Timestamp) -> T + Send,
        tell: impl Fn(&T) -> Vec<Told> + Send,
    ) -> Result<T, StoreError>
    where
        R: Recorder<MemoryTransaction>,
    {
        for _ in 0..TRIES {
            let expected = self.with(|state, now| change(&mut state.clone(), now));
            let mut transaction = MemoryTransaction::default();
            for told in tell(&expected) {
                self.recorder.record(&mut transaction, &told.change(by)).await?;
            }
            let is_made = self.with(|state, now| {
                let mut after = state.clone();
                let is_expected = change(&mut after, now) == expected;
                if is_expected {
                    *state = after;
                    transaction.commit();
                }
                is_expected
            });
            if is_made {
                return Ok(expected);
            }
        }
        Err(StoreErrorKind::Conflict.into())
    }

    fn with<T>(&self, change: impl FnOnce(&mut State, Timestamp) -> T) -> T {
        let now = self.clock.now();
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner), now)
    }
}

impl State {
    /// The job that the claim is of, while it is held.
    fn held(&mut self, claim: &Claim) -> Option<&mut Live> {
        let live = self.live.get_mut(&claim.id)?;
        let held = live.phase == Phase::Running && live.token == claim.token;
        (held && live.job.namespace == claim.namespace).then_some(live)
    }

    fn kept(&mut self, namespace: &Namespace, id: Uuid) -> Option<&mut Kept> {
        self.kept.get_mut(&(namespace.clone(), id))
    }

    /// A job is over.
    fn finish(&mut self, id: Uuid, state: JobState, now: Timestamp) -> Option<&mut Kept> {
        let live = self.live.remove(&id)?;
        let kept = self.kept.get_mut(&(live.job.namespace.clone(), id))?;
        kept.finished = Some((state, now));
        kept.attempt = live.attempt;
        Some(kept)
    }
}
