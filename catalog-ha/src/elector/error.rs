use std::time::Duration;

use super::Loss;

/// Whatever the work of a leader fails with.
pub type WorkError = Box<dyn std::error::Error + Send + Sync>;

/// Why an elector has stopped before it was done.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ElectorError {
    /// The work has not ended in time after it was cancelled; the lease was not released.
    #[error("the work of the leader has not ended within {grace:?}; its lease is left to end by itself")]
    WorkDidNotEnd {
        /// The time it had.
        grace: Duration,
    },
}

/// How a term ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TermEnd {
    /// The lease was lost.
    #[error("leadership was lost: {0}")]
    Lost(Loss),
    /// The work failed.
    #[error("the work of the leader failed")]
    Failed(#[source] WorkError),
    /// The work panicked.
    #[error("the work of the leader panicked")]
    Panicked,
}
