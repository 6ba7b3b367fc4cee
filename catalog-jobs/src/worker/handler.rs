//! Handlers, whatever their job.

use std::{
    future::poll_fn,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use serde::Serialize;
use tower_service::Service;

use super::context::{Attempt, JobContext, written};
use crate::{error::JobError, job::Job};

/// A service that handles one kind of job.
#[async_trait]
pub(super) trait Handle: Send + Sync {
    /// Attempts a job, and gives its result as JSON.
    async fn handle(&self, payload: &str, context: JobContext) -> Result<Option<String>, JobError>;
}

pub(super) struct Handler<J, S> {
    /// Cloned for each attempt, and never called: it need not be shared between threads.
    service: Mutex<S>,
    job: std::marker::PhantomData<fn(J)>,
}

impl<J, S> Handler<J, S> {
    pub(super) fn new(service: S) -> Self {
        Self { service: Mutex::new(service), job: std::marker::PhantomData }
    }
}

#[async_trait]
impl<J, S> Handle for Handler<J, S>
where
    J: Job,
    S: Service<Attempt<J>> + Clone + Send + 'static,
    S::Response: Serialize + Send,
    S::Error: Into<JobError> + Send,
    S::Future: Send,
{
    async fn handle(&self, payload: &str, context: JobContext) -> Result<Option<String>, JobError> {
        let job = serde_json::from_str(payload).map_err(|error| {
            JobError::permanent(format!("the payload is none of `{}`: {error}", J::KIND)).with_source(error)
        })?;
        let mut service = self.service.lock().unwrap_or_else(PoisonError::into_inner).clone();
        poll_fn(|cx| service.poll_ready(cx)).await.map_err(Into::into)?;
        let given = service.call(Attempt { job, context }).await.map_err(Into::into)?;
        written(&given)
    }
}
