use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Knows whether the database could be reached when it was last tried, so that not every request has to find out.
#[derive(Debug)]
pub(crate) struct Gate {
    pause: Duration,
    state: Mutex<Option<Failing>>,
}

#[derive(Clone, Copy, Debug)]
struct Failing {
    since: Instant,
    /// One request may try again from then on.
    retry_at: Instant,
}

impl Gate {
    pub(crate) fn new(pause: Duration) -> Self {
        Self { pause, state: Mutex::default() }
    }

    fn with<T>(&self, look: impl FnOnce(&mut Option<Failing>) -> T) -> T {
        look(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether nothing need be tried now. Of those who ask after the pause, the first is let through.
    pub(crate) fn is_closed(&self) -> bool {
        let now = Instant::now();
        self.with(|state| match state {
            None => false,
            Some(failing) if now < failing.retry_at => true,
            Some(failing) => {
                failing.retry_at = now + self.pause;
                false
            }
        })
    }

    pub(crate) fn note_success(&self) {
        self.with(|state| *state = None);
    }

    pub(crate) fn note_failure(&self) {
        let now = Instant::now();
        self.with(|state| {
            let since = state.map_or(now, |failing| failing.since);
            *state = Some(Failing { since, retry_at: now + self.pause });
        });
    }

    pub(crate) fn failing_since(&self) -> Option<Instant> {
        self.with(|state| state.map(|failing| failing.since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_failure_one_at_a_time_tries_again() {
        let gate = Gate::new(Duration::from_hours(1));
        assert!(!gate.is_closed());
        gate.note_failure();
        assert!(gate.is_closed() && gate.failing_since().is_some());
        gate.note_success();
        assert!(!gate.is_closed() && gate.failing_since().is_none());
        let eager = Gate::new(Duration::ZERO);
        eager.note_failure();
        assert!(!eager.is_closed());
    }
}
