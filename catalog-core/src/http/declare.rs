use std::{
    sync::Arc,
    task::{Context, Poll},
};

use http::Request;
use tower_layer::Layer;
use tower_service::Service;
use tracing::Span;

use crate::context::{RequestContext, RouteInfo};

/// Notes in the request's context which route serves it, so that the layers within know what it asks for.
#[derive(Clone, Debug)]
pub(super) struct DeclareLayer {
    route: Arc<RouteInfo>,
}

impl DeclareLayer {
    pub(super) fn new(route: Arc<RouteInfo>) -> Self {
        Self { route }
    }
}

impl<S> Layer<S> for DeclareLayer {
    type Service = Declare<S>;

    fn layer(&self, inner: S) -> Declare<S> {
        Declare { inner, route: Arc::clone(&self.route) }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Declare<S> {
    inner: S,
    route: Arc<RouteInfo>,
}

impl<S: Service<Request<B>>, B> Service<Request<B>> for Declare<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> S::Future {
        let (mut parts, body) = request.into_parts();
        // a router within a router declares its inner route after the outer one, which stays
        let _ = RequestContext::of(&mut parts).set_route(Arc::clone(&self.route));
        // where a span around it has room for that
        Span::current().record("http.route", self.route.template());
        self.inner.call(Request::from_parts(parts, body))
    }
}
