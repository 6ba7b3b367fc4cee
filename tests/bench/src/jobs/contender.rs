use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::AnyError;

/// A queue that is measured.
#[async_trait]
pub(crate) trait Contender: Send + Sync {
    /// Enqueues so many jobs that do nothing, in one transaction.
    async fn enqueue(&self, many: usize) -> Result<(), AnyError>;

    /// Starts a worker with connections of its own, which calls `begun` whenever a job begins, until it is to leave.
    async fn start(
        &self,
        mode: Mode,
        begun: Begun,
        leave: &CancellationToken,
    ) -> Result<JoinHandle<()>, AnyError>;

    /// Whether the end of some job is not written yet.
    async fn is_busy(&self) -> Result<bool, AnyError>;

    /// Removes all jobs that the benchmark has made, and lets the engine do now what it would do soon.
    async fn empty(&self) -> Result<(), AnyError>;

    /// How often a drained queue is to be asked whether it is done.
    fn glance(&self) -> Duration {
        Duration::from_millis(2)
    }
}

/// What is called when a job begins.
pub(crate) type Begun = Arc<dyn Fn() + Send + Sync>;

/// How a worker is configured.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mode {
    /// As it comes.
    Default,
    /// As fast as it goes.
    Tuned,
    /// With a limit of 64 jobs a tenant.
    Limited,
}

/// Another queue with what it is called.
pub(crate) type Peer = (&'static str, Box<dyn Contender>);

/// Opens the other queues, each in a database of its own on that server.
#[async_trait]
pub(crate) trait Peers: Send + Sync {
    /// All of them.
    async fn open(&self, server: &str) -> Result<Vec<Peer>, AnyError>;
}

/// No other queue.
#[async_trait]
impl Peers for () {
    async fn open(&self, _: &str) -> Result<Vec<Peer>, AnyError> {
        Ok(Vec::new())
    }
}
