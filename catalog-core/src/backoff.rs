//! How long to wait before the next try.

use std::time::Duration;

/// A wait that doubles with each failure, up to a limit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Backoff {
    /// After the first failure.
    pub first: Duration,
    /// At most.
    pub max: Duration,
}

impl Backoff {
    /// How long to wait after so many failures in a row; 1 is the first.
    pub fn after(self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        self.first.saturating_mul(1 << doublings).min(self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_up_to_the_limit() {
        let backoff = Backoff { first: Duration::from_secs(1), max: Duration::from_mins(1) };
        let waits: Vec<u64> =
            [0, 1, 2, 3, 6, 7, 8, u32::MAX].map(|failures| backoff.after(failures).as_secs()).into();
        assert_eq!(waits, [1, 1, 2, 4, 32, 60, 60, 60]);
    }
}
