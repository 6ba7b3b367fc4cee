use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{fence::FencingToken, lease::LeaseName};

/// What a leader leads by. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct LeaderGuard {
    term: Arc<Term>,
}

struct Term {
    lease: LeaseName,
    token: FencingToken,
    lasts: Duration,
    start: Instant,
    /// In nanoseconds since `start`.
    deadline: AtomicU64,
    cancelled: CancellationToken,
}

impl LeaderGuard {
    /// Of a term that lasts until `deadline`, counted from `start`, and ends at once when `cancelled` is. Unless it is renewed, the lease
    /// `lasts` so long.
    pub(crate) fn new(
        lease: LeaseName,
        token: FencingToken,
        lasts: Duration,
        start: Instant,
        deadline: Duration,
        cancelled: CancellationToken,
    ) -> Self {
        let deadline = AtomicU64::new(nanoseconds(deadline));
        Self { term: Arc::new(Term { lease, token, lasts, start, deadline, cancelled }) }
    }

    /// Which lease it is.
    pub fn lease(&self) -> &LeaseName {
        &self.term.lease
    }

    /// The token that those who keep what the leader writes can tell it from others by.
    pub fn token(&self) -> FencingToken {
        self.term.token
    }

    /// How long the lease lasts unless it is renewed: nothing that another leader has to wait for should take longer.
    pub fn lasts(&self) -> Duration {
        self.term.lasts
    }

    /// Whether nobody else can lead yet. It asks nobody but the machine's clock: it is also right at the first instruction after the
    /// process was stopped for a while. It was so when it was asked; what must be so when something is written, a
    /// [`Fence`](catalog_core::store::hook::Fence) sees to.
    pub fn is_leading(&self) -> bool {
        let deadline = Duration::from_nanos(self.term.deadline.load(Ordering::Acquire));
        !self.term.cancelled.is_cancelled() && self.term.start.elapsed() < deadline
    }

    /// Waits until the work is to end: the lease is lost, or the process is to leave.
    pub async fn cancelled(&self) {
        self.term.cancelled.cancelled().await;
    }

    /// Cancelled when the work is to end, for work that takes such a token.
    pub fn cancellation(&self) -> CancellationToken {
        self.term.cancelled.child_token()
    }

    pub(crate) fn extend(&self, deadline: Duration) {
        self.term.deadline.fetch_max(nanoseconds(deadline), Ordering::AcqRel);
    }

    pub(crate) fn cancel(&self) {
        self.term.cancelled.cancel();
    }
}

/// 584 years at most.
fn nanoseconds(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

impl fmt::Debug for LeaderGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeaderGuard")
            .field("lease", &self.term.lease)
            .field("token", &self.term.token)
            .field("is_leading", &self.is_leading())
            .finish()
    }
}
