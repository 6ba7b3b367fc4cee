//! How long finished jobs are kept.

mod task;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::task::RetentionTask;
use crate::record::JobState;

/// How long finished jobs are kept, by state, in hours. An idempotency key is forgotten with its job.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Retention {
    /// Of those that succeeded; 7 days where nothing is said.
    pub succeeded_hours: u32,
    /// Of those that failed; 30 days where nothing is said.
    pub failed_hours: u32,
    /// Of those that were canceled; 7 days where nothing is said.
    pub canceled_hours: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self { succeeded_hours: 7 * 24, failed_hours: 30 * 24, canceled_hours: 7 * 24 }
    }
}

impl Retention {
    /// How long jobs in that state are kept; those that are not finished for ever.
    pub fn of(self, state: JobState) -> Option<Duration> {
        let hours = match state {
            JobState::Succeeded => self.succeeded_hours,
            JobState::Failed => self.failed_hours,
            JobState::Canceled => self.canceled_hours,
            JobState::Queued | JobState::Running => return None,
        };
        Some(Duration::from_hours(hours.into()))
    }

    /// The shortest of them.
    #[cfg(feature = "_sql")]
    pub(crate) fn shortest(self) -> Duration {
        Duration::from_hours(self.succeeded_hours.min(self.failed_hours).min(self.canceled_hours).into())
    }
}
