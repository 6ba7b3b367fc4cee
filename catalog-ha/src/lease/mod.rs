//! Leases: who may act until when, in a store that all candidates share.

#[cfg(feature = "_sql")]
mod database;
mod error;
#[cfg(feature = "kube")]
mod kubernetes;
mod memory;
mod name;

use std::{future::Future, time::Duration};

#[cfg(feature = "_sql")]
pub use self::database::DatabaseLeaseStore;
#[cfg(feature = "kube")]
pub use self::kubernetes::KubernetesLeaseStore;
pub use self::{
    error::{LeaseError, LeaseErrorKind},
    memory::MemoryLeaseStore,
    name::{LeaseName, LeaseNameError},
};

/// A lease as it stands in its store.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LeaseRecord {
    /// Who holds it; none when it was released.
    pub holder: Option<String>,
    /// The version that a write has to name.
    pub version: Version,
    /// What each renewal changes, and nothing else does: a candidate that sees it unchanged for the whole duration may take the lease.
    pub heartbeat: String,
    /// For how long the holder holds it without a renewal.
    pub duration: Duration,
    /// How much of that is left, by the clock of the store; none where the store has no clock of its own, so that each candidate has to
    /// watch by its own one.
    pub remaining: Option<Duration>,
}

/// A version of a stored lease, which only its store can read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Version(String);

impl Version {
    /// As the store writes it.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// As the store writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a candidate writes to take or to renew a lease.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Claim {
    /// Who.
    pub holder: String,
    /// For how long from now.
    pub duration: Duration,
    /// The version that it replaces; none makes a lease that is not there.
    pub replaces: Option<Version>,
    /// Whether somebody else held it before, as far as the candidate knows.
    pub takes: bool,
}

/// Keeps leases. What a write names as replaced must be what stands there, or nothing is done: that guard is the store's whole duty, for
/// a candidate decides when a lease may be taken.
pub trait LeaseStore: Send + Sync + 'static {
    /// The lease as it stands; none if there is none.
    ///
    /// # Errors
    /// By kind: `Unavailable`, `Refused`, `Corrupt`.
    fn read(&self, name: &LeaseName) -> impl Future<Output = Result<Option<LeaseRecord>, LeaseError>> + Send;

    /// Takes or renews the lease, and gives the version that stands there now.
    ///
    /// # Errors
    /// By kind: `Conflict` when another version stands there than the one to be replaced, `Unavailable` when it may or may not have been
    /// done, `Refused`.
    fn claim(
        &self,
        name: &LeaseName,
        claim: &Claim,
    ) -> impl Future<Output = Result<Version, LeaseError>> + Send;

    /// Gives the holder's own lease up, so that another candidate need not wait for its end.
    ///
    /// # Errors
    /// As [`claim`](Self::claim).
    fn release(
        &self,
        name: &LeaseName,
        holder: &str,
        version: &Version,
    ) -> impl Future<Output = Result<(), LeaseError>> + Send;

    /// Waits until somebody else has changed the lease, as far as the store can tell without being asked; a store that cannot waits for
    /// ever. Whoever waits asks from time to time nevertheless. It may be dropped and called again at any point.
    fn changed(&self, name: &LeaseName) -> impl Future<Output = ()> + Send {
        let _ = name;
        std::future::pending()
    }
}
