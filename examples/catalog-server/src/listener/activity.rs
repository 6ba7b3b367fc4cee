use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// What goes on on one connection.
#[derive(Debug)]
pub(super) struct Activity(Mutex<State>);

#[derive(Debug)]
struct State {
    next: u64,
    /// The requests under way, each with the time since when its answer waits for the client; none while it is made.
    exchanges: HashMap<u64, Option<Instant>>,
    /// Since when the system takes no more bytes for the client.
    blocked: Option<Instant>,
    /// When the last request began or ended.
    last: Instant,
}

/// For how long a connection has not moved.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Quiet {
    /// It moves, or the server is at work.
    Not,
    /// No request is under way, and all that was answered has been sent.
    Idle(Duration),
    /// An answer waits for the client.
    Stalled(Duration),
}

impl Default for Activity {
    fn default() -> Self {
        let state = State { next: 0, exchanges: HashMap::new(), blocked: None, last: Instant::now() };
        Self(Mutex::new(state))
    }
}

impl Activity {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request begins; it ends when the exchange is dropped.
    pub(super) fn begin(this: &Arc<Self>) -> Exchange {
        let mut state = this.lock();
        state.next += 1;
        state.last = Instant::now();
        let id = state.next;
        state.exchanges.insert(id, None);
        Exchange { activity: Arc::clone(this), id }
    }

    /// Whether the system took the bytes that it was given last.
    pub(super) fn note_write(&self, taken: bool) {
        let mut state = self.lock();
        state.blocked = if taken { None } else { state.blocked.or_else(|| Some(Instant::now())) };
    }

    /// How the connection does at that time.
    pub(super) fn look(&self, now: Instant) -> Quiet {
        let state = self.lock();
        let waiting = state.exchanges.values().filter_map(|since| *since).chain(state.blocked).min();
        match waiting {
            Some(since) => Quiet::Stalled(now.saturating_duration_since(since)),
            None if state.exchanges.is_empty() => Quiet::Idle(now.saturating_duration_since(state.last)),
            None => Quiet::Not,
        }
    }
}

/// One request and its answer.
#[derive(Debug)]
pub(super) struct Exchange {
    activity: Arc<Activity>,
    id: u64,
}

impl Exchange {
    /// A part of the answer has been handed over: the next is asked for when the client has taken this one.
    pub(super) fn waits_for_client(&self) {
        self.set(Some(Instant::now()));
    }

    /// The next part is being made.
    pub(super) fn waits_for_server(&self) {
        self.set(None);
    }

    fn set(&self, since: Option<Instant>) {
        self.activity.lock().exchanges.insert(self.id, since);
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let mut state = self.activity.lock();
        state.exchanges.remove(&self.id);
        state.last = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_for_whom_is_told_apart() {
        let activity = Arc::new(Activity::default());
        let later = |seconds| Instant::now() + Duration::from_secs(seconds);
        assert!(matches!(activity.look(later(5)), Quiet::Idle(since) if since >= Duration::from_secs(4)));
        let (one, two) = (Activity::begin(&activity), Activity::begin(&activity));
        assert_eq!(activity.look(later(5)), Quiet::Not);
        // one that stands still is seen beside one that is at work
        one.waits_for_client();
        assert!(matches!(activity.look(later(5)), Quiet::Stalled(since) if since >= Duration::from_secs(4)));
        one.waits_for_server();
        assert_eq!(activity.look(later(5)), Quiet::Not);
        drop((one, two));
        activity.note_write(false);
        assert!(matches!(activity.look(later(5)), Quiet::Stalled(_)), "what was answered has not been sent");
        activity.note_write(true);
        assert!(matches!(activity.look(later(0)), Quiet::Idle(_)));
    }
}
