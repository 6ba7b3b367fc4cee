use std::task::{Context, Poll};

use bytes::Bytes;
use catalog_core::future::ResponseFuture;
use catalog_core::{context::RequestContext, future::take_ready};
use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    audit::{Audit, unavailable},
    config::Guarantee,
    event::{Event, Record},
};

/// Lets a request that would change something be handled only if it can be recorded, and writes that it will be handled where the
/// guarantee asks for that; another one is answered 503, at once. Goes within what authorizes, around the handlers and all else that
/// may wait for the database.
#[derive(Clone, Debug)]
#[must_use]
pub struct PrepareAuditLayer {
    audit: Audit,
}

impl PrepareAuditLayer {
    /// Recording there.
    pub fn new(audit: &Audit) -> Self {
        Self { audit: audit.clone() }
    }
}

impl<S> Layer<S> for PrepareAuditLayer {
    type Service = PrepareAudit<S>;

    fn layer(&self, inner: S) -> PrepareAudit<S> {
        PrepareAudit { inner, audit: self.audit.clone() }
    }
}

/// The service of [`PrepareAuditLayer`].
#[derive(Clone, Debug)]
pub struct PrepareAudit<S> {
    inner: S,
    audit: Audit,
}

impl<S, A, B> Service<Request<A>> for PrepareAudit<S>
where
    S: Service<Request<A>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    A: Send + 'static,
    B: From<Bytes> + 'static,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let context = RequestContext::of(&mut parts);
        let changes = !parts.method.is_safe();
        let request = Request::from_parts(parts, body);
        let route = context.route().filter(|route| changes && route.is_audited());
        match route.map(|route| self.audit.guarantee(route)) {
            None | Some(Guarantee::BestEffort) => ResponseFuture::inner(self.inner.call(request)),
            Some(Guarantee::Atomic) => {
                if self.audit.writer().is_closed() {
                    return ResponseFuture::refused(unavailable(&context));
                }
                ResponseFuture::inner(self.inner.call(request))
            }
            Some(Guarantee::Intent) => {
                let mut inner = take_ready(&mut self.inner);
                let audit = self.audit.clone();
                ResponseFuture::waiting(async move {
                    let mut event = Event::of_request(&context);
                    event.details.status_code = 0;
                    event.details.reason = Some("interrupted".into());
                    match audit.writer().intend(Record::of(event)).await {
                        Ok(()) => inner.call(request).await,
                        Err(_) => Ok(unavailable(&context)),
                    }
                })
            }
        }
    }
}
