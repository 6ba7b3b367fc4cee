//! The way of a request through the server, on one screen.

use std::{any::Any, sync::Arc};

use axum::{Router, response::Response};
use catalog_audit::{Audit, PrepareAuditLayer, RecordAuditLayer};
use catalog_core::{
    context::{RequestContext, RequestContextLayer},
    http::{DescribeProblemsLayer, LimitTargetLayer, RouteError, Routes},
    problem::Problem,
    registry::panic_text,
};
use catalog_rbac::{AuthorizeLayer, authenticate::AuthenticateLayer};
use catalog_tenancy::{
    ResolveTenantLayer, admit::AdmitTenantLayer, bulkhead::IsolateTenantLayer, http::TenancyMode,
    rate_limit::LimitRateLayer,
};
use http::{Request, StatusCode};
use tower::ServiceBuilder;
use tower_http::{
    catch_panic::CatchPanicLayer, limit::RequestBodyLimitLayer, timeout::TimeoutLayer, trace::TraceLayer,
};
use tracing::Span;

use crate::{
    access::Access,
    config::{Config, seconds},
    tenants::Tenants,
};

/// The routes with all that a request passes before it reaches them, outermost first.
pub(crate) fn stack(
    config: &Config,
    audit: &Audit,
    tenants: &Tenants,
    access: &Access,
    routes: Routes,
) -> Result<Router, RouteError> {
    let resolve_tenant = match tenants.mode {
        TenancyMode::Single => ResolveTenantLayer::single(tenants.default.clone()),
        TenancyMode::Namespace => ResolveTenantLayer::many(),
    };
    // around each route that is not public
    let protection = ServiceBuilder::new()
        .layer(LimitRateLayer::peers(&tenants.limiters))
        .layer(AuthenticateLayer::new(access.authentication.chain.clone()))
        .layer(resolve_tenant)
        .layer(AuthorizeLayer::new(access.authorizer()))
        // before anything that may wait for the database
        .layer(PrepareAuditLayer::new(audit))
        .layer(AdmitTenantLayer::new(Arc::clone(&tenants.directory)))
        .layer(LimitRateLayer::callers(&tenants.limiters))
        .layer(IsolateTenantLayer::new(&tenants.permits));
    // around everything
    let edge = ServiceBuilder::new()
        .layer(RequestContextLayer::new())
        .layer(TraceLayer::new_for_http().make_span_with(span))
        .layer(RecordAuditLayer::new(audit))
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

fn span<B>(request: &Request<B>) -> Span {
    let context = RequestContext::find(request.extensions());
    let trace_id = context.and_then(RequestContext::trace).map(|trace| trace.trace_id().to_owned());
    tracing::info_span!(
        "request",
        "http.request.method" = %request.method(),
        // of the path no more than its template is told, which is known once there is a route: the rest may hold anything
        "http.route" = tracing::field::Empty,
        request_id = context.map(RequestContext::request_id),
        trace_id,
    )
}

#[expect(clippy::needless_pass_by_value, reason = "what tower-http calls")]
fn panicked(panic: Box<dyn Any + Send>) -> Response {
    tracing::error!(panic = panic_text(panic.as_ref()), "a request panicked");
    Problem::internal("the server failed").into_response()
}
