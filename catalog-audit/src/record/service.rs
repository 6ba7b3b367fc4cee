use std::{
    panic::{AssertUnwindSafe, resume_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use catalog_core::{context::RequestContext, future::take_ready, problem::Problem, store::StoreErrorKind};
use futures_util::FutureExt;
use http::{HeaderName, Method, Request, Response};
use http_body::Body;
use tower_service::Service;
use tracing::{Instrument, Span};

use super::{AuditedBody, ResponseFuture};
use crate::{
    audit::{Audit, Ended, Notes, unavailable},
    telemetry,
};

/// On the answer to a request that was answered before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The service of [`RecordAuditLayer`](super::RecordAuditLayer).
#[derive(Clone, Debug)]
pub struct RecordAudit<S> {
    inner: S,
    audit: Audit,
}

impl<S> RecordAudit<S> {
    pub(super) fn new(inner: S, audit: Audit) -> Self {
        Self { inner, audit }
    }
}

impl<S, A, B> Service<Request<A>> for RecordAudit<S>
where
    S: Service<Request<AuditedBody<A>>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send + 'static,
    A: Body<Data = Bytes> + Send + 'static,
    B: From<Bytes> + Send + 'static,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, B, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let context = RequestContext::of(&mut parts);
        let method = parts.method.clone();
        if method.is_safe() {
            let request = Request::from_parts(parts, AuditedBody::unseen(body));
            return ResponseFuture::reading(self.inner.call(request), self.audit.clone(), context, method);
        }
        let request = Request::from_parts(parts, AuditedBody::of(body, &context));
        // its time is when the request came in
        context.event_id();
        let gone = Arc::new(AtomicBool::new(false));
        let inner = take_ready(&mut self.inner);
        let run = run(inner, request, self.audit.clone(), context.clone(), method, Arc::clone(&gone));
        let Some(task) = self.audit.run(run.instrument(Span::current())) else {
            telemetry::refused();
            return ResponseFuture::refused(unavailable(&context));
        };
        ResponseFuture::running(task, gone)
    }
}

async fn run<S, A, B>(
    mut inner: S,
    request: Request<A>,
    audit: Audit,
    context: RequestContext,
    method: Method,
    gone: Arc<AtomicBool>,
) -> Result<Response<B>, S::Error>
where
    S: Service<Request<A>, Response = Response<B>>,
    B: From<Bytes>,
{
    // what panics before its future is there panics within it, too
    let answer = AssertUnwindSafe(async { inner.call(request).await }).catch_unwind().await;
    let notes = Notes { is_gone: gone.load(Ordering::Acquire), ..Notes::default() };
    match answer {
        Ok(Ok(response)) => Ok(conclude(&audit, &context, &method, response, notes).await),
        Ok(Err(error)) => {
            let ended = Ended::Answered(http::StatusCode::INTERNAL_SERVER_ERROR, Some("connection"));
            note(&audit, &context, &method, ended, notes).await;
            Err(error)
        }
        Err(panic) => {
            note(&audit, &context, &method, Ended::Panicked, notes).await;
            resume_unwind(panic)
        }
    }
}

/// The answer, once it is recorded; another one where it cannot be.
pub(super) async fn conclude<B: From<Bytes>>(
    audit: &Audit,
    context: &RequestContext,
    method: &Method,
    response: Response<B>,
    notes: Notes,
) -> Response<B> {
    let notes = Notes { is_replayed: response.headers().contains_key(REPLAYED), ..notes };
    let reason = response.extensions().get::<Problem>().map(|problem| problem.code.clone());
    let ended = Ended::Answered(response.status(), reason.as_deref());
    if note(audit, context, method, ended, notes).await {
        response
    } else {
        telemetry::refused();
        unavailable(context)
    }
}

/// Whether what must be recorded is.
async fn note(
    audit: &Audit,
    context: &RequestContext,
    method: &Method,
    ended: Ended<'_>,
    notes: Notes,
) -> bool {
    match audit.conclude(context, method, ended, notes).await {
        Ok(()) => true,
        // that the store is gone is told once, and not for each request
        Err(error) if error.kind() == StoreErrorKind::Unavailable => false,
        Err(error) => {
            let error: &dyn std::error::Error = &error;
            tracing::error!(error, event = %context.event_id(), "an audit event is not written");
            false
        }
    }
}
