use std::task::{Context, Poll};

use axum::{body::Body, response::Response};
use http::Request;
use tower_layer::Layer;
use tower_service::Service;

use crate::{context::RequestContext, future::ResponseFuture, problem::Problem};

/// Refuses requests whose path and query are longer than 16 KiB with 414: no route has a use for them, and what reads them would.
#[derive(Clone, Copy, Debug, Default)]
#[must_use]
pub struct LimitTargetLayer(());

impl LimitTargetLayer {
    /// The layer; it has no knobs.
    pub const fn new() -> Self {
        Self(())
    }
}

impl<S> Layer<S> for LimitTargetLayer {
    type Service = LimitTarget<S>;

    fn layer(&self, inner: S) -> LimitTarget<S> {
        LimitTarget { inner }
    }
}

/// The service of [`LimitTargetLayer`].
#[derive(Clone, Copy, Debug)]
pub struct LimitTarget<S> {
    inner: S,
}

/// Of path and query, in bytes: the longest filter with every byte escaped, and as much beside it.
const MAX_TARGET: usize = 16 * 1_024;

impl<S, A> Service<Request<A>> for LimitTarget<S>
where
    S: Service<Request<A>, Response = Response>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, Body>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
        if target > MAX_TARGET {
            let (mut parts, _) = request.into_parts();
            let problem = Problem::uri_too_long(format!("path and query hold at most {MAX_TARGET} bytes"));
            return ResponseFuture::refused(
                problem.in_context(&RequestContext::of(&mut parts)).into_response(),
            );
        }
        ResponseFuture::inner(self.inner.call(request))
    }
}

#[cfg(test)]
mod tests {
    use axum::{Router, routing::get};
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn a_target_of_16_kib_is_served_and_a_longer_one_refused() {
        let router = Router::new().route("/", get(|| async { "yes" })).layer(LimitTargetLayer::new());
        for (length, status) in [(MAX_TARGET, 200), (MAX_TARGET + 1, 414)] {
            let target = format!("/?{}", "x".repeat(length - 2));
            let response =
                router.clone().oneshot(Request::get(target).body(Body::empty()).unwrap()).await.unwrap();
            assert_eq!(response.status(), status);
        }
    }
}
