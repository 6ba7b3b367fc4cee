//! The way of a request through the server, on one screen.

use std::any::Any;

use axum::{Router, response::Response};
use catalog_core::{
    authorizer::InsecureAllowAll,
    context::{RequestContext, RequestContextLayer},
    http::{DescribeProblemsLayer, LimitTargetLayer, RouteError, Routes},
    name::Namespace,
    problem::Problem,
    registry::panic_text,
};
use catalog_rbac::{AnonymousLayer, AuthorizeLayer};
use catalog_tenancy::ResolveTenantLayer;
use http::{Request, StatusCode};
use tower::ServiceBuilder;
use tower_http::{
    catch_panic::CatchPanicLayer, limit::RequestBodyLimitLayer, timeout::TimeoutLayer, trace::TraceLayer,
};
use tracing::Span;

use crate::config::{AuthMode, AuthzMode, Config, TenancyMode, seconds};

/// The routes with all that a request passes before it reaches them, outermost first.
pub(crate) fn stack(config: &Config, default: &Namespace, routes: Routes) -> Result<Router, RouteError> {
    let authenticate = match config.auth.mode {
        AuthMode::Anonymous => AnonymousLayer::new(),
    };
    let resolve_tenant = match config.tenancy.mode {
        TenancyMode::Single => ResolveTenantLayer::single(default.clone()),
        TenancyMode::Namespace => ResolveTenantLayer::many(),
    };
    let authorize = match config.authz.mode {
        AuthzMode::None => AuthorizeLayer::new(InsecureAllowAll),
    };
    // around each route that declares a permission
    let protection = ServiceBuilder::new().layer(authenticate).layer(resolve_tenant).layer(authorize);
    // around everything
    let edge = ServiceBuilder::new()
        .layer(RequestContextLayer::new())
        .layer(TraceLayer::new_for_http().make_span_with(span))
        .layer(DescribeProblemsLayer::new())
        .layer(CatchPanicLayer::custom(panicked))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::GATEWAY_TIMEOUT,
            seconds(config.http.timeout_seconds),
        ))
        .layer(RequestBodyLimitLayer::new(config.http.body_limit_bytes))
        .layer(LimitTargetLayer::new());
    Ok(routes.into_router(&protection)?.layer(edge))
}

/// Of a path, in bytes.
const MAX_LOGGED_PATH: usize = 1_024;

fn span<B>(request: &Request<B>) -> Span {
    let context = RequestContext::find(request.extensions());
    let trace_id = context.and_then(RequestContext::trace).map(|trace| trace.trace_id().to_owned());
    let path = request.uri().path();
    tracing::info_span!(
        "request",
        "http.request.method" = %request.method(),
        "url.path" = path.get(..path.floor_char_boundary(MAX_LOGGED_PATH)),
        request_id = context.map(RequestContext::request_id),
        trace_id,
    )
}

#[expect(clippy::needless_pass_by_value, reason = "what tower-http calls")]
fn panicked(panic: Box<dyn Any + Send>) -> Response {
    tracing::error!(panic = panic_text(panic.as_ref()), "a request panicked");
    Problem::internal("the server failed").into_response()
}
