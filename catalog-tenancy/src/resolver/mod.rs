//! The ways to find a tenant, one a file.

mod body;
mod header;
mod host;
mod identity;
mod path;
mod query;

use std::{borrow::Cow, fmt};

use catalog_core::{name::Namespace, tenant::TenantSelector};
use http::request::Parts;

pub use self::{
    body::BodyResolver,
    header::{HeaderResolver, X_NAMESPACE},
    host::HostResolver,
    identity::{IdentityBound, IdentityDefault},
    path::PathResolver,
    query::QueryResolver,
};
use crate::TenantError;

/// One way to find the tenant of a request.
///
/// The request's context is in its extensions; so a resolver can read the identity, where one has been noted.
pub trait TenantResolver: Send + Sync + fmt::Debug + 'static {
    /// The tenant that the request names in this way; none if it does not.
    ///
    /// # Errors
    /// [`TenantError`] for what names a tenant, but not as it should.
    fn resolve(&self, request: &Parts) -> Result<Option<TenantSelector>, TenantError>;

    /// How a tenant is named in this way, to be read after "by": `the header X-Namespace`.
    fn how(&self) -> Cow<'static, str>;
}

/// Keeps a request to some tenants. It can only take away.
pub trait TenantBound: Send + Sync + fmt::Debug + 'static {
    /// The tenants that the request may name; none if it is not bound.
    ///
    /// # Errors
    /// [`TenantError`] when the bound cannot be read; the request is then refused.
    fn bound(&self, request: &Parts) -> Result<Option<Vec<Namespace>>, TenantError>;
}

/// What a name that was found means: `*` is all tenants.
fn selector(name: &str) -> Result<TenantSelector, TenantError> {
    if name == "*" { Ok(TenantSelector::All) } else { one(name) }
}

/// The one tenant of that name, in a place that cannot name all of them.
fn one(name: &str) -> Result<TenantSelector, TenantError> {
    Ok(TenantSelector::One(name.parse()?))
}
