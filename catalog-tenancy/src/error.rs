use bytes::Bytes;
use catalog_core::{
    context::RequestContext,
    name::{NameError, Namespace},
    problem::Problem,
    tenant::TenantSelector,
};
use http::Response;

/// Why a request has no tenant. It is in the extensions of the response that says so.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TenantError {
    /// What was given is no tenant's name.
    #[error("{0}")]
    Invalid(#[from] NameError),
    /// What was given is no text.
    #[error("the {place} is no UTF-8 text")]
    NoText {
        /// Where it stood.
        place: &'static str,
    },
    /// One place names a tenant twice.
    #[error("the {place} is given twice")]
    Twice {
        /// Where.
        place: &'static str,
    },
    /// `allNamespaces` is neither `true` nor `false`.
    #[error("the query parameter `allNamespaces` is `true` or `false`")]
    NoFlag,
    /// Two places name different tenants.
    #[error("the request names two tenants, `{first}` and `{second}`")]
    Conflict {
        /// The one.
        first: String,
        /// The other.
        second: String,
    },
    /// The caller is bound to other tenants.
    #[error("the caller is bound to other namespaces than {asked}")]
    OutOfBounds {
        /// What it asked for.
        asked: TenantSelector,
    },
    /// The service has one tenant, and it is another.
    #[error("this server has the one namespace `{only}`")]
    NotTheOne {
        /// The one.
        only: Namespace,
    },
    /// The route is some tenant's and none is named.
    #[error("a namespace is required: {how}")]
    Required {
        /// How to name one.
        how: String,
    },
}

impl TenantError {
    fn problem(&self) -> Problem {
        let detail = self.to_string();
        match self {
            Self::Invalid(_) | Self::NoText { .. } => Problem::invalid_namespace(detail),
            Self::NoFlag => Problem::invalid_parameter(detail),
            Self::Twice { .. } | Self::Conflict { .. } | Self::NotTheOne { .. } => {
                Problem::tenant_conflict(detail)
            }
            Self::OutOfBounds { .. } => Problem::forbidden(detail),
            Self::Required { .. } => Problem::tenant_required(detail),
        }
    }

    pub(crate) fn into_response<B: From<Bytes>>(self, context: &RequestContext) -> Response<B> {
        let mut response = self.problem().in_context(context).into_response();
        response.extensions_mut().insert(self);
        response
    }
}
