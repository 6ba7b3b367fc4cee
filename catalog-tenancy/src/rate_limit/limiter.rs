use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use governor::{Quota, RateLimiter, clock::Clock, middleware::NoOpMiddleware, nanos::Nanos};

use super::{Rate, key::Key, states::States};

/// One rate, for each of many keys.
#[derive(Debug)]
pub(super) struct Limiter {
    pub(super) rate: Rate,
    inner: RateLimiter<Key, States, Time, NoOpMiddleware<Nanos>>,
}

impl Limiter {
    pub(super) fn new(rate: Rate, capacity: usize, time: Time) -> Self {
        // a period is at least a nanosecond, so there is a quota
        let quota = Quota::with_period(rate.period().max(Duration::from_nanos(1)));
        let quota = quota.unwrap_or(Quota::per_second(rate.burst())).allow_burst(rate.burst());
        Self { rate, inner: RateLimiter::new(quota, States::new(rate, capacity), time) }
    }

    /// How many keys have used up something.
    pub(super) fn keys(&self) -> usize {
        self.inner.len()
    }

    /// Counts a request, or says how long to wait.
    pub(super) fn check(&self, key: Key) -> Result<(), Duration> {
        self.inner.check_key(&key).map_err(|until| until.wait_time_from(self.inner.clock().now()))
    }
}

/// The process's time, which a test may set forward.
#[derive(Clone, Debug)]
pub(super) struct Time {
    start: Instant,
    forward: Arc<AtomicU64>,
}

impl Default for Time {
    fn default() -> Self {
        Self { start: Instant::now(), forward: Arc::default() }
    }
}

impl Time {
    #[cfg(any(test, feature = "testing"))]
    pub(super) fn forward(&self, by: Duration) {
        self.forward.fetch_add(Nanos::from(by).as_u64(), Ordering::Relaxed);
    }
}

impl Clock for Time {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::from(self.start.elapsed()) + Nanos::new(self.forward.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rate_limit::key::Keys;

    fn limiter(rate: &str, capacity: usize) -> (Limiter, Time) {
        let time = Time::default();
        (Limiter::new(rate.parse().unwrap(), capacity, time.clone()), time)
    }

    #[test]
    fn a_key_has_its_burst_and_then_its_rate() {
        let (limiter, time) = limiter("60/h burst 3", 1_000);
        let keys = Keys::default();
        let key = |name: &str| keys.of_identity(None, name);
        for _ in 0..3 {
            assert_eq!(limiter.check(key("a")), Ok(()));
        }
        let wait = limiter.check(key("a")).unwrap_err();
        assert!(wait > Duration::from_secs(59) && wait <= Duration::from_mins(1), "{wait:?}");
        assert_eq!(limiter.check(key("b")), Ok(()), "another's budget is its own");
        time.forward(wait);
        assert_eq!(limiter.check(key("a")), Ok(()));
        assert!(limiter.check(key("a")).is_err());
        time.forward(Duration::from_hours(10));
        assert_eq!((0..5).filter(|_| limiter.check(key("a")).is_ok()).count(), 3, "never more than a burst");
    }

    #[test]
    fn a_million_made_up_keys_cost_no_memory_and_take_nothing_from_a_known_one() {
        let (limiter, time) = limiter("60/h burst 2", 6_400);
        let keys = Keys::default();
        let known = keys.of_identity(None, "known");
        assert_eq!(limiter.check(known), Ok(()));
        let allowed =
            (0..1_000_000u32).filter(|i| limiter.check(keys.of_identity(None, &i.to_string())).is_ok());
        // those that there is room for, and a burst of the others in each shard
        assert!(allowed.count() <= 6_400 + 2 * 64);
        assert!(limiter.keys() <= 6_400);
        assert_eq!(limiter.check(known), Ok(()), "the second of its burst");
        assert!(limiter.check(known).is_err(), "it is not forgotten");

        time.forward(Duration::from_mins(3));
        for i in 0..1_000u32 {
            let _ = limiter.check(keys.of_identity(None, &format!("new {i}")));
        }
        assert!(limiter.check(keys.of_identity(None, "0")).is_ok());
        assert!(limiter.keys() <= 6_400);
    }

    #[test]
    fn keys_that_have_made_up_for_everything_are_forgotten() {
        let (limiter, time) = limiter("3600/h burst 2", 64_000);
        let keys = Keys::default();
        for i in 0..20_000u32 {
            assert_eq!(limiter.check(keys.of_identity(None, &i.to_string())), Ok(()));
        }
        assert_eq!(limiter.keys(), 20_000);
        time.forward(Duration::from_secs(10));
        for i in 0..2_000u32 {
            assert_eq!(limiter.check(keys.of_identity(None, &format!("new {i}"))), Ok(()));
        }
        assert_eq!(limiter.keys(), 2_000);
    }
}
