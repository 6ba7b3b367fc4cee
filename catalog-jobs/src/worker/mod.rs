//! Who does the jobs.

mod attempt;
mod buffer;
mod completer;
mod config;
mod context;
#[cfg(test)]
mod faulty;
mod handler;
mod held;
#[cfg(feature = "metrics")]
mod metrics;
#[cfg(not(feature = "metrics"))]
#[path = "silent.rs"]
mod metrics;
mod run;
mod upkeep;

use std::{collections::HashMap, fmt, sync::Arc};

use serde::Serialize;
use tokio_util::sync::CancellationToken;
use tower_service::Service;

use self::handler::{Handle, Handler};
pub use self::{
    config::{WorkerConfig, WorkerConfigError},
    context::{Attempt, JobContext},
};
use crate::{
    error::JobError,
    job::Job,
    name::{JobKind, JobNameError, QueueName},
    store::JobStore,
};

/// Does the jobs of one queue, several at once.
///
/// A replica has one worker a queue, and each may do jobs of every kind that it has a handler for; what it has none for, it leaves to
/// others. Handlers are tower services, so that layers such as a timeout or a trace go around them.
pub struct Worker<S> {
    store: S,
    queue: QueueName,
    name: String,
    config: WorkerConfig,
    handlers: HashMap<JobKind, Arc<dyn Handle>>,
}

impl<S: JobStore + Clone> Worker<S> {
    /// Of that queue, by the replica of that name, without handlers yet.
    pub fn new(store: S, queue: QueueName, name: impl Into<String>) -> Self {
        Self { store, queue, name: name.into(), config: WorkerConfig::default(), handlers: HashMap::new() }
    }

    /// Working so.
    ///
    /// # Errors
    /// [`WorkerConfigError`] if it cannot.
    pub fn with_config(mut self, config: WorkerConfig) -> Result<Self, WorkerConfigError> {
        config.validate()?;
        self.config = config;
        Ok(self)
    }

    /// With what handles jobs `J`; of two for one kind the later counts. What the service gives is the job's result; `()` is none.
    ///
    /// # Errors
    /// [`JobNameError`] if the kind is no name.
    pub fn with_handler<J, H>(mut self, handler: H) -> Result<Self, JobNameError>
    where
        J: Job,
        H: Service<Attempt<J>> + Clone + Send + 'static,
        H::Response: Serialize + Send,
        H::Error: Into<JobError> + Send,
        H::Future: Send,
    {
        self.handlers.insert(J::kind()?, Arc::new(Handler::new(handler)));
        Ok(self)
    }

    /// Works until `leave` is canceled. Then it claims nothing more, gives back what it has not begun, lets what is under way go on for
    /// as long as it may, gives back what is not done by then, and ends.
    pub async fn run(self, leave: CancellationToken) {
        run::run(self, leave).await;
    }
}

impl<S> fmt::Debug for Worker<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds: Vec<&JobKind> = self.handlers.keys().collect();
        f.debug_struct("Worker")
            .field("queue", &self.queue)
            .field("name", &self.name)
            .field("kinds", &kinds)
            .finish_non_exhaustive()
    }
}
