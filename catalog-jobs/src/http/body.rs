//! The body of a `POST` that says all in its path: none, or an empty object.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    response::{IntoResponse, Response},
};
use catalog_core::{context::RequestContext, name::Namespace, problem::Problem, tenant::TenantScope};
use serde::Deserialize;

/// The request's body has been looked at, and asks for nothing else than its path does.
#[derive(Clone, Copy, Debug)]
pub(super) struct NoBody;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Empty {
    namespace: Option<Namespace>,
}

impl<S: Send + Sync> FromRequest<S> for NoBody {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let context = RequestContext::of(&mut parts);
        let body = Bytes::from_request(Request::from_parts(parts, body), state).await;
        let body = body.map_err(IntoResponse::into_response)?;
        look_at(&context, &body).map(|()| Self).map_err(Problem::into_response)
    }
}

fn look_at(context: &RequestContext, body: &[u8]) -> Result<(), Problem> {
    if body.is_empty() {
        return Ok(());
    }
    let read: Empty = serde_json::from_slice(body)
        .map_err(|_| Problem::invalid_body("there is no body, or it is `{}` or `{namespace}`"))?;
    let tenant = context.scope().and_then(TenantScope::single);
    match read.namespace {
        Some(named) if tenant != Some(&named) => {
            let tenant = tenant.map_or("none", Namespace::as_str);
            Err(Problem::tenant_conflict(format!(
                "the request is for `{tenant}`, and its body for `{named}`"
            )))
        }
        _ => Ok(()),
    }
}
