use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use super::{RequestContext, ResponseFuture};

/// The service of [`RequestContextLayer`](super::RequestContextLayer).
#[derive(Clone, Copy, Debug)]
pub struct RequestContextService<S> {
    inner: S,
}

impl<S> RequestContextService<S> {
    /// Wraps `inner`.
    pub const fn new(inner: S) -> Self {
        Self { inner }
    }
}

impl<S, A, B> Service<Request<A>> for RequestContextService<S>
where
    S: Service<Request<A>, Response = Response<B>>,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let context = RequestContext::of(&mut parts);
        ResponseFuture::new(self.inner.call(Request::from_parts(parts, body)), context)
    }
}
