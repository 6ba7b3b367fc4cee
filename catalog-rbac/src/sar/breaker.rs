use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Stops asking a cluster that fails, and lets a single question through once in a while to see whether it still does.
#[derive(Debug)]
pub(super) struct Breaker {
    failures: u32,
    pause: Duration,
    max_pause: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    /// Counts phases: what was asked in an earlier one says nothing of this.
    generation: u64,
}

#[derive(Debug)]
enum Phase {
    /// Everything may be asked.
    Closed { failures: u32 },
    /// Nothing may be asked before then.
    Open { until: Instant, pauses: u32 },
    /// One question is out.
    Probing { since: Instant, pauses: u32 },
}

/// The right to ask once. Dropped without a word, it says nothing of the cluster.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    breaker: &'a Breaker,
    generation: u64,
}

/// A cluster that wants to be left alone for longer than this is asked all the same.
const MAX_RETRY_AFTER: Duration = Duration::from_mins(1);
/// No pause is longer, whatever is configured.
const LONGEST_PAUSE: Duration = Duration::from_hours(24);

impl Breaker {
    pub(super) fn new(failures: u32, pause: Duration, max_pause: Duration) -> Self {
        let state = State { phase: Phase::Closed { failures: 0 }, generation: 0 };
        let max_pause = max_pause.min(LONGEST_PAUSE);
        Self { failures: failures.max(1), pause, max_pause, state: Mutex::new(state) }
    }

    /// For how much longer nothing may be asked, if so.
    pub(super) fn paused(&self, now: Instant) -> Option<Duration> {
        match self.state().phase {
            Phase::Closed { .. } => None,
            Phase::Open { until, .. } => Some(until - now).filter(|rest| !rest.is_zero()),
            Phase::Probing { .. } => Some(Duration::ZERO),
        }
    }

    /// The right to ask, or for how much longer there is none.
    pub(super) fn pass(&self, now: Instant) -> Result<Pass<'_>, Duration> {
        let mut state = self.state();
        match state.phase {
            Phase::Closed { .. } => {}
            Phase::Open { until, .. } if now < until => return Err(until - now),
            Phase::Open { pauses, .. } => state.enter(Phase::Probing { since: now, pauses }),
            Phase::Probing { .. } => return Err(Duration::ZERO),
        }
        Ok(Pass { breaker: self, generation: state.generation })
    }

    /// What is known is whole at every moment at which its holder could panic.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self, state: &mut State, now: Instant, pauses: u32, retry_after: Option<Duration>) {
        let asked_for = retry_after.unwrap_or_default().min(MAX_RETRY_AFTER);
        let doublings = pauses.saturating_sub(1).min(31);
        let pause = self.pause.saturating_mul(1 << doublings).min(self.max_pause).max(asked_for);
        tracing::warn!(?pause, pauses, "the cluster fails to review access and is not asked for a while");
        state.enter(Phase::Open { until: now + pause, pauses });
    }
}

impl State {
    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.generation += 1;
    }
}

impl Pass<'_> {
    /// The cluster answered.
    pub(super) fn succeed(self) {
        let mut state = self.breaker.state();
        if state.generation != self.generation {
            return;
        }
        match &mut state.phase {
            Phase::Closed { failures } => *failures = 0,
            Phase::Open { .. } => {}
            Phase::Probing { .. } => {
                tracing::info!("the cluster reviews access again");
                state.enter(Phase::Closed { failures: 0 });
            }
        }
    }

    /// It did not; it may have said when to come back.
    pub(super) fn fail(self, now: Instant, retry_after: Option<Duration>) {
        let mut state = self.breaker.state();
        if state.generation != self.generation {
            return;
        }
        match &mut state.phase {
            Phase::Closed { failures } => {
                *failures += 1;
                if *failures >= self.breaker.failures || retry_after.is_some() {
                    self.breaker.open(&mut state, now, 1, retry_after);
                }
            }
            Phase::Open { .. } => {}
            Phase::Probing { pauses, .. } => {
                let pauses = pauses.saturating_add(1);
                self.breaker.open(&mut state, now, pauses, retry_after);
            }
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let mut state = self.breaker.state();
        if state.generation == self.generation
            && let Phase::Probing { since, pauses } = state.phase
        {
            state.enter(Phase::Open { until: since, pauses });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn breaker() -> (Breaker, Instant) {
        (Breaker::new(3, SECOND, 4 * SECOND), Instant::now())
    }

    fn fail(breaker: &Breaker, now: Instant) {
        breaker.pass(now).unwrap().fail(now, None);
    }

    #[test]
    fn it_opens_after_failures_in_a_row() {
        let (breaker, now) = breaker();
        fail(&breaker, now);
        fail(&breaker, now);
        breaker.pass(now).unwrap().succeed();
        fail(&breaker, now);
        fail(&breaker, now);
        assert_eq!(breaker.paused(now), None);
        fail(&breaker, now);
        assert_eq!(breaker.paused(now), Some(SECOND));
        assert_eq!(breaker.pass(now + SECOND / 4).unwrap_err(), SECOND * 3 / 4);
    }

    #[test]
    fn a_single_question_finds_out_whether_it_may_close() {
        let (breaker, now) = breaker();
        (0..3).for_each(|_| fail(&breaker, now));
        let at = now + SECOND;
        let probe = breaker.pass(at).unwrap();
        assert_eq!(breaker.pass(at).unwrap_err(), Duration::ZERO);
        assert_eq!(breaker.paused(at), Some(Duration::ZERO));
        probe.fail(at, None);
        assert_eq!(breaker.paused(at), Some(2 * SECOND), "each pause is longer");
        let at = at + 2 * SECOND;
        drop(breaker.pass(at).unwrap());
        assert_eq!(breaker.paused(at), None, "a probe that was given up says nothing");
        breaker.pass(at).unwrap().succeed();
        (0..2).for_each(|_| fail(&breaker, at));
        assert_eq!(breaker.paused(at), None);
    }

    #[test]
    fn answers_to_earlier_questions_do_not_count() {
        let (breaker, now) = breaker();
        let (early, late) = (breaker.pass(now).unwrap(), breaker.pass(now).unwrap());
        (0..3).for_each(|_| fail(&breaker, now));
        early.succeed();
        assert!(breaker.paused(now).is_some());
        let probe = breaker.pass(now + SECOND).unwrap();
        late.fail(now + SECOND, None);
        assert_eq!(breaker.paused(now + SECOND), Some(Duration::ZERO));
        probe.succeed();
        assert_eq!(breaker.paused(now + SECOND), None);
    }

    #[test]
    fn a_cluster_that_says_when_to_come_back_is_left_alone_until_then() {
        let (breaker, now) = breaker();
        breaker.pass(now).unwrap().fail(now, Some(7 * SECOND));
        assert_eq!(breaker.paused(now), Some(7 * SECOND));
        let at = now + 7 * SECOND;
        breaker.pass(at).unwrap().fail(at, Some(Duration::from_hours(9)));
        assert_eq!(breaker.paused(at), Some(MAX_RETRY_AFTER));
    }
}
