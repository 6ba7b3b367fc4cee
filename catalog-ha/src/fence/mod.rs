//! Fencing tokens: numbers that rise with each leader, so that what an earlier one sends late is told from what the present one sends.

#[cfg(feature = "_sql")]
mod database;
mod memory;

use std::{fmt, future::Future};

#[cfg(feature = "_sql")]
pub use self::database::DatabaseFenceStore;
pub use self::memory::MemoryFenceStore;
use crate::lease::{LeaseError, LeaseName};

/// Of two leaders of one lease the later one has the greater token.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct FencingToken {
    /// The timeline of the PostgreSQL server that gave it: another one after each failover, since what takes over may lack the newest
    /// numbers. 0 where there are none.
    pub timeline: i64,
    /// The number.
    pub number: i64,
}

impl fmt::Display for FencingToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.timeline == 0 {
            write!(f, "{}", self.number)
        } else {
            write!(f, "{}/{}", self.timeline, self.number)
        }
    }
}

/// Keeps for each lease the newest token. It outlives the leases, whichever store those are in.
pub trait FenceStore: Send + Sync + 'static {
    /// The newest token of a lease; the lowest of all if it never had one.
    ///
    /// # Errors
    /// By kind: `Unavailable`, `Refused`, `Corrupt`.
    fn newest(&self, name: &LeaseName) -> impl Future<Output = Result<FencingToken, LeaseError>> + Send;

    /// Makes a greater one, unless `newest` is no longer the newest.
    ///
    /// # Errors
    /// By kind: `Conflict` when somebody else made one meanwhile, `Unavailable` when it may or may not have been made, `Refused`.
    fn raise(
        &self,
        name: &LeaseName,
        newest: FencingToken,
        holder: &str,
    ) -> impl Future<Output = Result<FencingToken, LeaseError>> + Send;
}
