use std::sync::Arc;

use bytes::Bytes;
use catalog_core::{
    context::{RequestContext, RouteInfo},
    problem::Problem,
    store::StoreError,
};
use http::{Method, Response, StatusCode};
use tokio::{sync::Semaphore, task::JoinHandle};
use tokio_util::task::TaskTracker;

use crate::{
    config::{AuditConfig, Guarantee},
    event::{Event, Record},
    writer::AuditWriter,
};

/// What the layers share. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Audit(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    writer: AuditWriter,
    config: AuditConfig,
    tasks: TaskTracker,
    running: Arc<Semaphore>,
}

/// How a request ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ended<'a> {
    Answered(StatusCode, Option<&'a str>),
    Panicked,
    /// Nobody waits for the answer of what only reads.
    Abandoned,
}

/// What else is to be said of how a request ended.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Notes {
    /// The client did not wait for its answer.
    pub(crate) is_gone: bool,
    /// The answer is that of an earlier request with the same idempotency key.
    pub(crate) is_replayed: bool,
}

impl Ended<'_> {
    fn is_fault_of_database(self) -> bool {
        matches!(self, Self::Answered(_, Some("store_unavailable" | "directory_unavailable")))
    }
}

impl Audit {
    /// Written by that writer.
    pub fn new(writer: AuditWriter, config: AuditConfig) -> Self {
        let running = Arc::new(Semaphore::new(config.running.min(Semaphore::MAX_PERMITS)));
        Self(Arc::new(Parts { writer, config, tasks: TaskTracker::new(), running }))
    }

    /// The writer.
    pub fn writer(&self) -> &AuditWriter {
        &self.0.writer
    }

    /// Waits until every request that changes something has ended and is recorded, also those that nobody waits for any more.
    /// For when the server leaves, after it has stopped listening.
    pub async fn settle(&self) {
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    /// Runs it to its end, whether anybody waits for it or not; none if as many as may already do.
    pub(crate) fn run<F>(&self, request: F) -> Option<JoinHandle<F::Output>>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let permit = Arc::clone(&self.0.running).try_acquire_owned().ok()?;
        Some(self.0.tasks.spawn(async move {
            let _permit = permit;
            request.await
        }))
    }

    pub(crate) fn guarantee(&self, route: &RouteInfo) -> Guarantee {
        let own = self.0.config.routes.get(route.template());
        own.copied().unwrap_or(self.0.config.guarantee)
    }

    /// Writes what is not written yet of a request that has ended. What must be recorded and cannot be is an error.
    pub(crate) async fn conclude(
        &self,
        context: &RequestContext,
        method: &Method,
        ended: Ended<'_>,
        notes: Notes,
    ) -> Result<(), StoreError> {
        let Some((event, guarantee)) = self.due(context, method, ended, notes) else { return Ok(()) };
        let record = Record::of(event);
        match guarantee {
            Guarantee::BestEffort => {
                self.writer().append_soon(record);
                Ok(())
            }
            Guarantee::Atomic | Guarantee::Intent if ended.is_fault_of_database() => {
                self.writer().append_after_fault(record).await
            }
            Guarantee::Atomic | Guarantee::Intent => self.writer().append(record).await,
        }
    }

    /// The event that is to be written, if there is one, and what holds for it.
    pub(crate) fn due(
        &self,
        context: &RequestContext,
        method: &Method,
        ended: Ended<'_>,
        notes: Notes,
    ) -> Option<(Event, Guarantee)> {
        let (status, reason) = match ended {
            Ended::Answered(status, reason) => (status, reason),
            Ended::Panicked => (StatusCode::INTERNAL_SERVER_ERROR, Some("panic")),
            Ended::Abandoned => (StatusCode::from_u16(499).unwrap_or_default(), Some("client_gone")),
        };
        let is_error = status.is_client_error() || status.is_server_error();
        let guarantee = match context.route() {
            // the change's own transaction holds it
            Some(route) if route.is_audited() && context.is_recorded() && !is_error => return None,
            Some(route) if route.is_audited() => self.guarantee(route),
            Some(_) if self.0.config.denied_reads && status == StatusCode::FORBIDDEN => Guarantee::BestEffort,
            Some(_) => return None,
            // refused before a route was found; where there is none, nothing could have been changed
            None if method.is_safe() || !is_error => return None,
            None if matches!(status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED) => return None,
            None => self.0.config.guarantee,
        };
        let mut event = Event::of_request(context).answered(status.as_u16(), reason);
        if event.action.is_empty() {
            event.action = method.as_str().to_ascii_lowercase();
            event.details.action_verb.clone_from(&event.action);
        }
        for (key, holds) in
            [("clientDisconnected", notes.is_gone), ("idempotencyReplayed", notes.is_replayed)]
        {
            if holds {
                event.details.metadata.insert(key.into(), true.into());
            }
        }
        Some((event, guarantee))
    }
}

/// The answer to what cannot be recorded.
pub(crate) fn unavailable<B: From<Bytes>>(context: &RequestContext) -> Response<B> {
    Problem::audit_unavailable("what is to be done cannot be recorded, and is not done")
        .with_retry_after(1)
        .in_context(context)
        .into_response()
}
