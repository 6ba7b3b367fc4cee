use std::time::Duration;

use tokio::time::Instant;

/// How a plugin does.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum PluginState {
    /// It is being started for the first time.
    Starting,
    /// Its routes are served.
    Serving,
    /// It failed and will be started again.
    Degraded {
        /// What went wrong, for operators.
        error: String,
        /// How often in a row.
        failures: u32,
        /// When it is started again.
        retry_at: Instant,
    },
}

/// A plugin's routes are not served now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Unavailable {
    /// After that it may be otherwise; at least a second.
    pub retry_after: Duration,
}

impl PluginState {
    pub(super) fn gate(&self) -> Result<(), Unavailable> {
        let wait = match self {
            Self::Serving => return Ok(()),
            Self::Starting => Duration::ZERO,
            Self::Degraded { retry_at, .. } => retry_at.saturating_duration_since(Instant::now()),
        };
        Err(Unavailable { retry_after: wait.max(Duration::from_secs(1)) })
    }
}
