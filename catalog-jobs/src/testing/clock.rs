use catalog_core::clock::{Clock, Timestamp};
use tokio::time::Instant;

/// The time of the runtime, which a test may pause: it begins at the first of January 2030.
#[derive(Clone, Copy, Debug)]
pub struct RuntimeClock {
    start: Instant,
}

impl RuntimeClock {
    /// Beginning now.
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock for RuntimeClock {
    fn now(&self) -> Timestamp {
        let begin = Timestamp::from_unix_ms(1_893_456_000_000).unwrap();
        begin.saturating_add(self.start.elapsed())
    }
}
