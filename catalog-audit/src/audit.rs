use std::sync::Arc;

use bytes::Bytes;
use catalog_core::{
    context::{RequestContext, RouteInfo},
    problem::Problem,
    store::StoreError,
};
use http::{Method, Response, StatusCode};
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
}

/// How a request ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ended<'a> {
    Answered(StatusCode, Option<&'a str>),
    Panicked,
    /// Nobody waits for the answer of what only reads.
    Abandoned,
}

impl Ended<'_> {
    fn is_fault_of_database(self) -> bool {
        matches!(self, Self::Answered(_, Some("store_unavailable" | "directory_unavailable")))
    }
}

impl Audit {
    /// Written by that writer.
    pub fn new(writer: AuditWriter, config: AuditConfig) -> Self {
        Self(Arc::new(Parts { writer, config, tasks: TaskTracker::new() }))
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

    pub(crate) fn tasks(&self) -> &TaskTracker {
        &self.0.tasks
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
        gone: bool,
    ) -> Result<(), StoreError> {
        let Some((event, guarantee)) = self.due(context, method, ended, gone) else { return Ok(()) };
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
        gone: bool,
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
        if gone {
            event.details.metadata.insert("clientDisconnected".into(), true.into());
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
