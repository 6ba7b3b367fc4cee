use axum::extract::FromRequestParts;
use catalog_core::{context::RequestContext, name::Namespace, problem::Problem};
use http::request::Parts;

/// The one tenant that the request names. It gives no right to anything: what stores take is a [`Scope`](super::Scope).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tenant(pub Namespace);

impl<S: Sync> FromRequestParts<S> for Tenant {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let context = RequestContext::of(parts);
        if let Some(namespace) = context.namespace() {
            return Ok(Self(namespace.clone()));
        }
        if context.tenant().is_some() {
            return Err(Problem::all_namespaces_not_served("the route serves one namespace"));
        }
        tracing::error!(path = context.path(), "a route of tenants is served without finding them");
        Err(Problem::internal("the server is not set up for this route"))
    }
}
