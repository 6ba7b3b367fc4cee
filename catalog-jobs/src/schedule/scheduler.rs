//! Who enqueues the jobs of schedules when they are due.

use std::{sync::Arc, time::Duration};

use catalog_core::{
    clock::{Clock, SystemClock, Timestamp},
    name::Namespace,
    store::{StoreError, StoreErrorKind},
};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::{Missed, Schedule};
use crate::{
    name::ScheduleName,
    store::{DueSchedule, ScheduleStore},
};

/// Enqueues the jobs of schedules when they are due. Every replica may run one: each time is enqueued by one of them.
#[derive(Clone, Debug)]
pub struct Scheduler<S> {
    store: S,
    clock: Arc<dyn Clock>,
}

/// How often to look, at least and at most.
const LOOK: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));
/// So many schedules are looked at each time.
const MOST: usize = 100;
/// What is later than that was missed.
const LATE: Duration = Duration::from_mins(1);

impl<S: ScheduleStore> Scheduler<S> {
    /// Of the schedules in that store.
    pub fn new(store: S) -> Self {
        Self { store, clock: Arc::new(SystemClock) }
    }

    /// With another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Puts a schedule in the place of the tenant's one of that name. One that is the same stays as it is, and with it when it is due.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn put(&self, schedule: &Schedule) -> Result<(), StoreError> {
        match due_after(schedule, self.clock.now()) {
            Some(due) => self.store.put_schedule(schedule, due).await,
            None => self.store.remove_schedule(&schedule.namespace, &schedule.name).await,
        }
    }

    /// Takes a schedule away; one that is not there is no error.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn remove(&self, namespace: &Namespace, name: &ScheduleName) -> Result<(), StoreError> {
        self.store.remove_schedule(namespace, name).await
    }

    /// Enqueues what is due, and gives how long it is until something more is; none if nothing will be. What fails of one
    /// schedule is logged, and tried again the next time.
    ///
    /// # Errors
    /// Those of the store that concern all of them.
    pub async fn fire(&self) -> Result<Option<Duration>, StoreError> {
        loop {
            let now = self.clock.now();
            let soonest = self.store.soonest_schedules_any_tenant(MOST).await?;
            let (mut fired, mut failed) = (false, false);
            for due in &soonest {
                if due.due > now {
                    let wait = due.due.saturating_since(now);
                    return Ok(Some(match (fired, failed) {
                        (true, _) => Duration::ZERO,
                        (false, true) => wait.min(LOOK.1),
                        (false, false) => wait,
                    }));
                }
                match self.fire_one(due, now).await {
                    Ok(()) => fired = true,
                    Err(error) if error.kind() == StoreErrorKind::Unavailable => return Err(error),
                    // the others do not wait for it
                    Err(error) => {
                        failed = true;
                        let Schedule { namespace, name, .. } = &due.schedule;
                        let error: &dyn std::error::Error = &error;
                        tracing::warn!(error, %namespace, schedule = %name, "a schedule's job is not enqueued yet");
                    }
                }
            }
            if failed && !fired {
                return Ok(Some(LOOK.1));
            }
            if soonest.is_empty() {
                return Ok(None);
            }
        }
    }

    async fn fire_one(&self, due: &DueSchedule, now: Timestamp) -> Result<(), StoreError> {
        let missed = now.saturating_since(due.due) > LATE && due.schedule.missed == Missed::Skip;
        let job = (!missed).then(|| due.schedule.job());
        let next = due_after(&due.schedule, now);
        self.store.fire_schedule(due, next, job.as_ref()).await.map(drop)
    }

    /// Enqueues until `leave` is canceled.
    pub async fn run(self, leave: CancellationToken) {
        loop {
            let wait = match self.fire().await {
                Ok(wait) => wait.unwrap_or(LOOK.1).clamp(LOOK.0, LOOK.1),
                Err(error) => {
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(error, "jobs of schedules are not enqueued yet");
                    LOOK.1
                }
            };
            tokio::select! {
                () = leave.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }
}

/// When the schedule is due next, its jitter included: the same for each replica, and for each of its times.
pub(super) fn due_after(schedule: &Schedule, now: Timestamp) -> Option<Timestamp> {
    let jitter = jitter(schedule);
    let earlier = now.unix_ms().saturating_sub(i64::try_from(jitter.as_millis()).unwrap_or(0));
    let from = Timestamp::from_unix_ms(earlier).unwrap_or(now);
    Some(schedule.recurrence.next_after(from)?.saturating_add(jitter))
}

fn jitter(schedule: &Schedule) -> Duration {
    let digest = Sha256::digest(format!("{}/{}", schedule.namespace, schedule.name));
    let random = digest.iter().take(8).fold(0_u64, |random, byte| random << 8 | u64::from(*byte));
    let most = u64::from(schedule.jitter_seconds) * 1_000;
    Duration::from_millis(random.checked_rem(most).unwrap_or(0))
}
