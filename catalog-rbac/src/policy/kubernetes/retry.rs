use std::time::Duration;

use kube::runtime::utils::Backoff;

/// How long a watch waits before it is tried again. While it waits, no revoked right is heard of, so it never waits for long.
#[derive(Debug)]
pub(super) struct Retry {
    next: Duration,
}

const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(5);

impl Default for Retry {
    fn default() -> Self {
        Self { next: FIRST }
    }
}

impl Iterator for Retry {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let next = self.next;
        self.next = next.saturating_mul(2).min(LONGEST);
        Some(next)
    }
}

impl Backoff for Retry {
    fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_waits_longer_each_time_but_not_long() {
        let mut retry = Retry::default();
        let waits: Vec<u128> = retry.by_ref().take(7).map(|wait| wait.as_millis()).collect();
        assert_eq!(waits, [250, 500, 1_000, 2_000, 4_000, 5_000, 5_000]);
        retry.reset();
        assert_eq!(retry.next(), Some(FIRST));
    }
}
