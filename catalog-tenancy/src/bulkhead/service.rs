use std::task::{Context, Poll};

use bytes::Bytes;
use catalog_core::{context::RequestContext, future::take_ready, problem::Problem};
use http::{Request, Response};
use tower_service::Service;

use super::{Busy, IsolateFuture, Permits};
use crate::ResponseFuture;

/// The service of [`IsolateTenantLayer`](super::IsolateTenantLayer).
#[derive(Clone, Debug)]
pub struct IsolateTenant<S> {
    inner: S,
    permits: Permits,
}

impl<S> IsolateTenant<S> {
    pub(super) fn new(inner: S, permits: Permits) -> Self {
        Self { inner, permits }
    }
}

impl<S, A, B> Service<Request<A>> for IsolateTenant<S>
where
    S: Service<Request<A>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    A: Send + 'static,
    B: From<Bytes> + 'static,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = IsolateFuture<S::Future, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let context = RequestContext::of(&mut parts);
        let request = Request::from_parts(parts, body);
        let turn = match self.permits.enter(context.namespace()) {
            Ok(permit) => {
                return IsolateFuture::new(ResponseFuture::inner(self.inner.call(request)), Some(permit));
            }
            Err(turn) => turn,
        };
        let mut inner = take_ready(&mut self.inner);
        let waiting = ResponseFuture::waiting(async move {
            match turn.await {
                Ok(_permit) => inner.call(request).await,
                Err(busy) => Ok(refuse(busy, &context)),
            }
        });
        IsolateFuture::new(waiting, None)
    }
}

/// Seconds after which to try again: by then as many have been served as may wait.
const RETRY_AFTER: u32 = 1;

fn refuse<B: From<Bytes>>(busy: Busy, context: &RequestContext) -> Response<B> {
    let reason = match busy {
        Busy::QueueFull => "queue_full",
        Busy::TooLate => "too_late",
    };
    metrics::counter!("catalog_tenancy_busy_total", "reason" => reason).increment(1);
    tracing::debug!(reason, namespace = context.namespace().map(tracing::field::display), "a tenant is busy");
    let problem = Problem::tenant_busy(busy.to_string()).with_retry_after(RETRY_AFTER);
    let mut response = problem.in_context(context).into_response();
    response.extensions_mut().insert(busy);
    response
}
