use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::Response;
use pin_project_lite::pin_project;

use super::{RequestContext, X_CORRELATION_ID, X_REQUEST_ID, trace::TRACEPARENT};

pin_project! {
    /// The response, with the request's ids in its headers.
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        context: Option<RequestContext>,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn new(inner: F, context: RequestContext) -> Self {
        Self { inner, context: Some(context) }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut result = ready!(this.inner.poll(cx));
        if let (Ok(response), Some(context)) = (&mut result, this.context.take()) {
            let headers = response.headers_mut();
            headers.insert(X_REQUEST_ID, context.request_id_header().clone());
            if let Some(id) = context.correlation_id() {
                headers.insert(X_CORRELATION_ID, id.clone());
            }
            if let Some(trace) = context.trace() {
                headers.insert(TRACEPARENT, trace.traceparent().clone());
            }
            response.extensions_mut().insert(context);
        }
        Poll::Ready(result)
    }
}
