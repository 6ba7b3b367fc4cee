//! What handlers take out of a request.

use std::convert::Infallible;

use axum::{
    extract::FromRequestParts,
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

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        Problem::into_response(self)
    }
}
