//! What callers may, told to them on axum: `rules` and `can-i`, by the same authorizer that decides.

mod can_i;
mod rules;

use std::sync::Arc;

use catalog_core::{
    authorizer::{Authorizer, AuthorizerError},
    context::RequestContext,
    http::{Routes, Shape},
    identity::Identity,
    name::Namespace,
    problem::Problem,
};

/// The routes under `/api/authz/v1alpha1`, for everybody who is known. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Authz {
    authorizer: Arc<dyn Authorizer>,
    default: Option<Namespace>,
}

impl Authz {
    /// Told by that authorizer.
    pub fn new(authorizer: Arc<dyn Authorizer>) -> Self {
        Self { authorizer, default: None }
    }

    /// Where a question names no tenant, of this one: for a service that has but one.
    #[must_use]
    pub fn with_default_namespace(mut self, namespace: Namespace) -> Self {
        self.default = Some(namespace);
        self
    }

    /// `GET …/rules` and `POST …/can-i`.
    pub fn routes(&self) -> Routes {
        rules::routes(self).merge(can_i::routes(self))
    }

    /// The shapes that the OpenAPI document of these routes refers to, by name.
    pub fn shapes() -> Vec<(String, Shape)> {
        rules::shapes().into_iter().chain(can_i::shapes()).collect()
    }
}

fn identity(context: &RequestContext) -> Result<&Identity, Problem> {
    context.identity().ok_or_else(|| Problem::unauthenticated("who asks is not known"))
}

fn unavailable(error: &AuthorizerError) -> Problem {
    let error: &dyn std::error::Error = error;
    tracing::warn!(error, "authorizer unavailable");
    Problem::authorizer_unavailable("the authorizer is unavailable").with_retry_after(1)
}
