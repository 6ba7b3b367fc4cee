use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{limit::Limits, retry::RetryPolicy};

/// How a worker works.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct WorkerConfig {
    /// So many jobs are attempted at once; 16 where nothing is said.
    pub concurrency: usize,
    /// So many more may be claimed ahead, of jobs so short that claiming one by one would take longer; 2,000 where nothing is said.
    /// Of a queue with limits none are, since what is claimed counts as running.
    pub prefetch: usize,
    /// How long a claim is for unless it is renewed, in seconds; 30 where nothing is said.
    pub lease_seconds: u32,
    /// How long an attempt may take, in seconds; 15 minutes where nothing is said.
    pub timeout_seconds: u32,
    /// How often to look for jobs that nobody has told of, in milliseconds; 1,000 where nothing is said.
    pub poll_ms: u32,
    /// How long attempts that are under way may go on when the worker is to leave, in seconds; 20 where nothing is said. Then they
    /// are broken off, and another worker may go on at once.
    pub drain_seconds: u32,
    /// When a job that failed is attempted again.
    pub retry: RetryPolicy,
    /// How many jobs may run at once, over all replicas.
    pub limits: Limits,
}

impl Default for WorkerConfig {
    fn default() -> Self {
        Self {
            concurrency: 16,
            prefetch: 2_000,
            lease_seconds: 30,
            timeout_seconds: 900,
            poll_ms: 1_000,
            drain_seconds: 20,
            retry: RetryPolicy::default(),
            limits: Limits::default(),
        }
    }
}

/// A configuration of a worker that cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{key}` must be {rule}")]
pub struct WorkerConfigError {
    key: &'static str,
    rule: &'static str,
}

impl WorkerConfigError {
    /// The key that is at fault.
    pub fn key(&self) -> &'static str {
        self.key
    }
}

impl WorkerConfig {
    /// Checks that the worker can work so.
    ///
    /// # Errors
    /// [`WorkerConfigError`] names the key.
    pub fn validate(&self) -> Result<(), WorkerConfigError> {
        let bounds: [(bool, &'static str, &'static str); 5] = [
            ((1..=10_000).contains(&self.concurrency), "concurrency", "1 to 10000"),
            (self.prefetch <= 10_000, "prefetch", "at most 10000"),
            ((1..=86_400).contains(&self.lease_seconds), "leaseSeconds", "1 to 86400"),
            (self.timeout_seconds > 0, "timeoutSeconds", "at least 1"),
            ((10..=60_000).contains(&self.poll_ms), "pollMs", "10 to 60000"),
        ];
        match bounds.into_iter().find(|(holds, ..)| !holds) {
            Some((_, key, rule)) => Err(WorkerConfigError { key, rule }),
            None => Ok(()),
        }
    }

    pub(super) fn lease(&self) -> Duration {
        Duration::from_secs(self.lease_seconds.into())
    }

    pub(super) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds.into())
    }

    pub(super) fn poll(&self) -> Duration {
        Duration::from_millis(self.poll_ms.into())
    }

    pub(super) fn drain(&self) -> Duration {
        Duration::from_secs(self.drain_seconds.into())
    }
}
