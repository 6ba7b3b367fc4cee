//! What handlers take out of a request.

use std::{convert::Infallible, fmt};

use axum::{
    extract::{FromRequestParts, Path, path::ErrorKind, rejection::PathRejection},
    response::{IntoResponse, Response},
};
use http::request::Parts;

use crate::{
    context::{RequestContext, RouteInfo},
    problem::Problem,
    tenant::TenantScope,
};

/// The request's [`RequestContext`].
#[derive(Clone, Debug)]
pub struct Context(pub RequestContext);

impl<S: Sync> FromRequestParts<S> for Context {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(RequestContext::of(parts)))
    }
}

/// What the request may see: there only when it has been authorized, so a handler that takes it cannot run without.
#[derive(Clone, Debug)]
pub struct Scope(pub TenantScope);

impl<S: Sync> FromRequestParts<S> for Scope {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let context = RequestContext::of(parts);
        context.scope().cloned().map(Self).ok_or_else(|| {
            let route = context.route().map(RouteInfo::template);
            tracing::error!(route, "a route of tenants is served without authorization");
            Problem::internal("the server is not set up for this route")
        })
    }
}

/// The one placeholder of the route's path, decoded, without a custom method behind it.
#[derive(Clone, Debug)]
pub struct Segment(pub String);

impl<S: Sync + Send> FromRequestParts<S> for Segment {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let refused = |rejection| match rejection {
            PathRejection::FailedToDeserializePathParams(fault) => match fault.into_kind() {
                ErrorKind::InvalidUtf8InPathParam { key } => {
                    Problem::invalid_parameter(format!("the path parameter `{key}` is no UTF-8 text"))
                        .with_parameter(&key)
                }
                other => unfit(&other),
            },
            other => unfit(&other),
        };
        let Path(mut text) = Path::<String>::from_request_parts(parts, state).await.map_err(refused)?;
        // of a custom method the router gives the whole segment
        let context = RequestContext::of(parts);
        let suffix = context.route().map_or("", RouteInfo::suffix);
        if text.ends_with(suffix) {
            text.truncate(text.len() - suffix.len());
        }
        Ok(Self(text))
    }
}

/// The route has no placeholder, or several.
fn unfit(fault: &dyn fmt::Display) -> Problem {
    tracing::error!(%fault, "a route takes a path parameter that it does not have");
    Problem::internal("the server is not set up for this route")
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        Problem::into_response(self)
    }
}
