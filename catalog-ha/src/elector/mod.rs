//! Electing the one replica that does what only one may do.

mod campaign;
mod config;
mod election;
mod error;
mod guard;
#[cfg(test)]
mod simulation;
mod status;

use std::{
    fmt,
    future::Future,
    hash::{BuildHasher, RandomState},
    sync::Arc,
};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use self::campaign::Campaign;
pub use self::{
    config::{ElectorConfig, ElectorConfigError},
    election::Loss,
    error::{ElectorError, TermEnd, WorkError},
    guard::LeaderGuard,
    status::{ElectorStatus, Role},
};
use crate::{
    fence::FenceStore,
    lease::{LeaseName, LeaseStore},
};

/// One candidate for one lease. It campaigns for ever: a term that was lost is followed by a new campaign.
///
/// ```
/// use std::sync::Arc;
///
/// use catalog_ha::{
///     elector::{Elector, ElectorConfig},
///     fence::MemoryFenceStore,
///     lease::{LeaseName, MemoryLeaseStore},
/// };
/// use tokio_util::sync::CancellationToken;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let elector = Elector::new(
///     LeaseName::new("retention")?,
///     MemoryLeaseStore::new(),
///     MemoryFenceStore::new(),
///     "replica-1",
///     ElectorConfig::default(),
/// )?;
/// let stop = CancellationToken::new();
/// elector
///     .run(&stop, |guard| {
///         let stop = stop.clone();
///         async move {
///             assert!(guard.is_leading());
///             stop.cancel(); // what leads here may also be told to leave
///             guard.cancelled().await;
///             Ok(())
///         }
///     })
///     .await?;
/// # Ok(())
/// # }
/// ```
pub struct Elector<L, F> {
    name: LeaseName,
    leases: Arc<L>,
    fences: Arc<F>,
    identity: String,
    config: ElectorConfig,
    status: watch::Sender<ElectorStatus>,
    seed: u64,
}

impl<L: LeaseStore, F: FenceStore> Elector<L, F> {
    /// A candidate for the lease of that name. `identity` is who it is for people to read: a host or pod, and if need be more. What is
    /// stored as the holder is that and an id of this candidate alone, since two that are taken for one would both lead.
    ///
    /// # Errors
    /// [`ElectorConfigError`] when the times do not fit each other.
    pub fn new(
        name: LeaseName,
        leases: L,
        fences: F,
        identity: &str,
        config: ElectorConfig,
    ) -> Result<Self, ElectorConfigError> {
        config.validate()?;
        let identity = format!(
            "{}_{}",
            identity.chars().take(LONGEST_IDENTITY).collect::<String>(),
            uuid::Uuid::now_v7()
        );
        let status = watch::Sender::new(ElectorStatus::default());
        let seed = RandomState::new().hash_one(&identity);
        Ok(Self { name, leases: Arc::new(leases), fences: Arc::new(fences), identity, config, status, seed })
    }

    /// With waits that are the same in each run, for tests.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Who it is, as the store has it.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// How the election stands, and what becomes of it.
    pub fn status(&self) -> watch::Receiver<ElectorStatus> {
        self.status.subscribe()
    }

    /// Campaigns until `stop` is cancelled, and does `work` in each term that it wins.
    ///
    /// The work is cancelled by its guard, before the lease can pass on, and when the process is to leave; it has the grace of the
    /// configuration to end. The lease is released when the work has ended, and not before. Work that returns by itself, fails or panics ends
    /// the term, and after a while the candidate campaigns again.
    ///
    /// Dropped, it cancels and aborts the work and releases nothing: the lease ends by itself.
    ///
    /// # Errors
    /// [`WorkDidNotEnd`](ElectorError::WorkDidNotEnd) when `stop` was cancelled and the work has not ended in time. The lease is then not
    /// released, and the process should exit.
    pub async fn run<W, R>(&self, stop: &CancellationToken, work: W) -> Result<(), ElectorError>
    where
        W: Fn(LeaderGuard) -> R + Send + Sync,
        R: Future<Output = Result<(), WorkError>> + Send + 'static,
    {
        let ended = Campaign::new(self, stop).run(work).await;
        self.status.send_modify(|status| {
            let problem = ended.as_ref().err().map(ToString::to_string);
            *status = ElectorStatus { problem, ..ElectorStatus::default() };
        });
        ended
    }
}

/// With an id behind it it fits into every store.
const LONGEST_IDENTITY: usize = 128;

impl<L, F> fmt::Debug for Elector<L, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Elector")
            .field("name", &self.name)
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}
