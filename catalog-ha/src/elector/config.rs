use std::time::Duration;

use serde::Deserialize;

/// The times of an election, all in seconds. Candidates of one lease should agree in them.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct ElectorConfig {
    /// For how long a lease is held without a renewal: 15. What a dead leader leaves behind lasts as long.
    pub lease_seconds: u32,
    /// After how long without a renewal that worked the leader gives up: 10.
    pub renew_deadline_seconds: f64,
    /// How often the lease is renewed and looked at, and how long the store may take to answer: 2.
    pub retry_seconds: f64,
    /// How long the work of a leader may take to end once it is cancelled: 20. While the lease is held it is renewed meanwhile.
    pub grace_seconds: f64,
}

impl Default for ElectorConfig {
    /// 15, 10 and 2 s, as Kubernetes' own electors have them, and 20 s of grace.
    fn default() -> Self {
        Self { lease_seconds: 15, renew_deadline_seconds: 10.0, retry_seconds: 2.0, grace_seconds: 20.0 }
    }
}

/// Why times do not fit each other.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{key}` {rule}")]
pub struct ElectorConfigError {
    key: &'static str,
    rule: &'static str,
}

/// No lease is of use that is longer: a day.
const LONGEST_SECONDS: f64 = 86_400.0;

impl ElectorConfig {
    /// Checks that the times fit each other.
    ///
    /// # Errors
    /// [`ElectorConfigError`] names the key that does not.
    pub fn validate(&self) -> Result<(), ElectorConfigError> {
        let is_time = |seconds: f64| seconds > 0.0 && seconds <= LONGEST_SECONDS;
        let refused = |key, rule| Err(ElectorConfigError { key, rule });
        if !is_time(f64::from(self.lease_seconds)) {
            return refused("leaseSeconds", "must be between 1 and 86400");
        }
        if !is_time(self.retry_seconds) {
            return refused("retrySeconds", "must be positive");
        }
        if !(is_time(self.renew_deadline_seconds)
            && self.renew_deadline_seconds > JITTER * self.retry_seconds)
        {
            return refused("renewDeadlineSeconds", "must be more than 1.2 times `retrySeconds`");
        }
        if self.renew_deadline_seconds > self.trusted().as_secs_f64() {
            return refused("renewDeadlineSeconds", "must be at most nine tenths of `leaseSeconds`");
        }
        if !is_time(self.grace_seconds) {
            return refused("graceSeconds", "must be positive");
        }
        Ok(())
    }

    pub(super) fn lease(&self) -> Duration {
        Duration::from_secs(self.lease_seconds.into())
    }

    /// For how long the leader trusts a renewal, from when it was sent: a tenth less than the lease, for another one's clock may run that much
    /// faster.
    pub(super) fn trusted(&self) -> Duration {
        self.lease() * 9 / 10
    }

    pub(super) fn renew_deadline(&self) -> Duration {
        Duration::from_secs_f64(self.renew_deadline_seconds)
    }

    pub(super) fn retry(&self) -> Duration {
        Duration::from_secs_f64(self.retry_seconds)
    }

    pub(crate) fn grace(&self) -> Duration {
        Duration::from_secs_f64(self.grace_seconds)
    }
}

/// Waits are up to so many times as long, so that candidates do not all ask at once.
pub(super) const JITTER: f64 = 1.2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_that_do_not_fit_are_refused_by_their_key() {
        ElectorConfig::default().validate().unwrap();
        for (config, key) in [
            (ElectorConfig { lease_seconds: 0, ..ElectorConfig::default() }, "leaseSeconds"),
            (ElectorConfig { lease_seconds: 11, ..ElectorConfig::default() }, "renewDeadlineSeconds"),
            (
                ElectorConfig { renew_deadline_seconds: 2.4, ..ElectorConfig::default() },
                "renewDeadlineSeconds",
            ),
            (
                ElectorConfig { renew_deadline_seconds: f64::NAN, ..ElectorConfig::default() },
                "renewDeadlineSeconds",
            ),
            (ElectorConfig { retry_seconds: 0.0, ..ElectorConfig::default() }, "retrySeconds"),
            (ElectorConfig { retry_seconds: f64::INFINITY, ..ElectorConfig::default() }, "retrySeconds"),
            (ElectorConfig { grace_seconds: -1.0, ..ElectorConfig::default() }, "graceSeconds"),
        ] {
            assert!(config.validate().unwrap_err().to_string().contains(key), "{config:?}");
        }
    }
}
