//! The last word on every error: one shape, with the request's id in it.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, Request, StatusCode, header};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::{context::RequestContext, problem::Problem};

/// Turns every error response into a [`Problem`] that names the request: those of the router, of tower-http's layers and of
/// extractors, too. Goes just within the [`RequestContextLayer`](crate::context::RequestContextLayer).
#[derive(Clone, Copy, Debug, Default)]
#[must_use]
pub struct DescribeProblemsLayer(());

impl DescribeProblemsLayer {
    /// The layer; it has no knobs.
    pub const fn new() -> Self {
        Self(())
    }
}

impl<S> Layer<S> for DescribeProblemsLayer {
    type Service = DescribeProblems<S>;

    fn layer(&self, inner: S) -> DescribeProblems<S> {
        DescribeProblems { inner }
    }
}

/// The service of [`DescribeProblemsLayer`].
#[derive(Clone, Copy, Debug)]
pub struct DescribeProblems<S> {
    inner: S,
}

impl<S, B> Service<Request<B>> for DescribeProblems<S>
where
    S: Service<Request<B>>,
    S::Response: IntoResponse,
{
    type Response = Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let context = RequestContext::of(&mut parts);
        ResponseFuture { inner: self.inner.call(Request::from_parts(parts, body)), context }
    }
}

pin_project! {
    /// The future of [`DescribeProblems`].
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        context: RequestContext,
    }
}

impl<F, R, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<R, E>>,
    R: IntoResponse,
{
    type Output = Result<Response, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.inner.poll(cx))?.into_response();
        Poll::Ready(Ok(if response.status().is_client_error() || response.status().is_server_error() {
            describe(response, this.context)
        } else {
            response
        }))
    }
}

fn describe(mut response: Response, context: &RequestContext) -> Response {
    if response.extensions().get::<OwnShape>().is_some() {
        return response;
    }
    let problem =
        response.extensions_mut().remove::<Problem>().unwrap_or_else(|| of_status(response.status()));
    let mut described: Response = problem.in_context(context).into_response();
    keep(response.headers(), described.headers_mut());
    described
}

/// Marks, among its extensions, an error response whose contract is a shape of its own: it is left as it is.
#[derive(Clone, Copy, Debug)]
pub struct OwnShape;

/// Headers that mean something beside the body stay.
fn keep(from: &HeaderMap, to: &mut HeaderMap) {
    const KEPT: [HeaderName; 5] = [
        header::ALLOW,
        header::RETRY_AFTER,
        header::WWW_AUTHENTICATE,
        HeaderName::from_static("ratelimit"),
        HeaderName::from_static("ratelimit-policy"),
    ];
    for name in KEPT {
        if let Some(value) = from.get(&name) {
            to.insert(name, value.clone());
        }
    }
}

/// The problem of a response that came without one.
fn of_status(status: StatusCode) -> Problem {
    match status {
        StatusCode::NOT_FOUND => Problem::route_not_found("there is no such route"),
        StatusCode::METHOD_NOT_ALLOWED => Problem::method_not_allowed("the route does not know the method"),
        StatusCode::PAYLOAD_TOO_LARGE => Problem::body_too_large("the body is too large"),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            Problem::unsupported_media_type("the route does not take that media type")
        }
        StatusCode::UNPROCESSABLE_ENTITY => {
            Problem::invalid_body("the body is not of the shape it should have")
        }
        StatusCode::URI_TOO_LONG => Problem::uri_too_long("the path and query are too long"),
        StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT => {
            Problem::timeout("the answer took too long")
        }
        StatusCode::UNAUTHORIZED => Problem::unauthenticated("who asks is not known"),
        StatusCode::FORBIDDEN => Problem::forbidden("that is not allowed"),
        StatusCode::TOO_MANY_REQUESTS => Problem::rate_limited("too many requests"),
        StatusCode::SERVICE_UNAVAILABLE => Problem::unavailable("the server does not work now"),
        status if status.is_client_error() => Problem::bad_request("the request is not understood"),
        _ => Problem::internal("the server failed"),
    }
}
