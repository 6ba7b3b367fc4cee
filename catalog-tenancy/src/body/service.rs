use std::{
    error::Error,
    task::{Context, Poll},
};

use bytes::Bytes;
use catalog_core::{context::RequestContext, future::take_ready, problem::Problem};
use http::{HeaderMap, Request, Response, header::CONTENT_TYPE};
use http_body::Body;
use http_body_util::{BodyExt, Limited};
use tower_service::Service;

use super::Peeked;
use crate::ResponseFuture;

/// The service of [`PeekBodyLayer`](super::PeekBodyLayer).
#[derive(Clone, Debug)]
pub struct PeekBody<S> {
    inner: S,
    limit: usize,
}

impl<S> PeekBody<S> {
    pub(super) fn new(inner: S, limit: usize) -> Self {
        Self { inner, limit }
    }
}

impl<S, A, B> Service<Request<A>> for PeekBody<S>
where
    S: Service<Request<A>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    A: Body + From<Bytes> + Send + 'static,
    A::Data: Send,
    A::Error: Into<Box<dyn Error + Send + Sync>>,
    B: From<Bytes> + 'static,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let length = request.body().size_hint().exact();
        let small = length.and_then(|length| usize::try_from(length).ok()).filter(|length| *length > 0);
        let Some(length) = small.filter(|length| *length <= self.limit && is_json(request.headers())) else {
            return ResponseFuture::inner(self.inner.call(request));
        };
        let mut inner = take_ready(&mut self.inner);
        ResponseFuture::waiting(async move {
            let (mut parts, body) = request.into_parts();
            let Ok(body) = Limited::new(body, length).collect().await else {
                let problem = Problem::bad_request("the body broke off or is longer than it said");
                return Ok(problem.in_context(&RequestContext::of(&mut parts)).into_response());
            };
            let body = body.to_bytes();
            parts.extensions.insert(Peeked::of(&body));
            inner.call(Request::from_parts(parts, A::from(body))).await
        })
    }
}

/// `application/json`, or what RFC 6839 calls like it: `application/merge-patch+json`.
fn is_json(headers: &HeaderMap) -> bool {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}
