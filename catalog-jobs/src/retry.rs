//! When a job that failed is attempted again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How long to wait before the next attempt: a random part of a wait that doubles with each failure, so that jobs which failed
/// together do not come back together.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct RetryPolicy {
    /// The most that is waited after the first failure, in milliseconds; 2,000 where nothing is said.
    pub first_ms: u64,
    /// The most that is waited at all, in milliseconds; 10 minutes where nothing is said.
    pub max_ms: u64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { first_ms: 2_000, max_ms: 600_000 }
    }
}

impl RetryPolicy {
    /// The wait after so many failures, 1 is the first, for a random number of all 64 bits.
    ///
    /// Shape: evenly between nothing and the whole wait ("full jitter").
    pub fn after(self, failures: u32, random: u64) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        let most = self.first_ms.saturating_mul(1 << doublings).min(self.max_ms);
        // of 128 bits the upper half is the product's share of `most`
        let share = ((u128::from(most) + 1) * u128::from(random)) >> 64;
        Duration::from_millis(u64::try_from(share).unwrap_or(most))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_wait_doubles_up_to_the_limit() {
        let policy = RetryPolicy { first_ms: 1_000, max_ms: 60_000 };
        let most = |failures| policy.after(failures, u64::MAX).as_millis();
        assert_eq!(
            [0, 1, 2, 3, 6, 7, u32::MAX].map(most),
            [1_000, 1_000, 2_000, 4_000, 32_000, 60_000, 60_000]
        );
        assert_eq!(policy.after(7, 0), Duration::ZERO);
        assert_eq!(policy.after(2, 1 << 63).as_millis(), 1_000);
    }

    proptest! {
        #[test]
        fn no_wait_is_longer_than_the_limit(first_ms: u64, max_ms: u64, failures: u32, random: u64) {
            let policy = RetryPolicy { first_ms, max_ms };
            prop_assert!(policy.after(failures, random) <= Duration::from_millis(max_ms));
        }
    }
}
