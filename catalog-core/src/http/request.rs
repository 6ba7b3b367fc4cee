//! What handlers take out of a request.

use std::{convert::Infallible, fmt};

use axum::{
    extract::{FromRequestParts, Path, path::ErrorKind, rejection::PathRejection},
    response::{IntoResponse, Response},
};
use http::request::Parts;

use crate::{context::RequestContext, problem::Problem, tenant::TenantScope};

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
            tracing::error!(path = context.path(), "a route of tenants is served without authorization");
            Problem::internal("the server is not set up for this route")
        })
    }
}

/// The one placeholder of the route's path, decoded; without the word behind it, if the route has one.
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
        let Path(mut text): Path<String> = Path::from_request_parts(parts, state).await.map_err(refused)?;
        let context = RequestContext::of(parts);
        // the router took what stands behind the name for a part of it
        let word = context.route().and_then(|route| route.custom_method());
        if let Some(name) = word.and_then(|word| text.strip_suffix(word)?.strip_suffix(':')) {
            text.truncate(name.len());
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
