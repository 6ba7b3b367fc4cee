//! The ways to find a tenant, one a file.

mod header;
mod query;

use std::fmt;

use catalog_core::tenant::TenantSelector;
use http::request::Parts;

pub use self::{
    header::{HeaderResolver, X_NAMESPACE},
    query::QueryResolver,
};
use crate::TenantError;

/// One way to find the tenant of a request.
pub trait TenantResolver: Send + Sync + fmt::Debug {
    /// The tenant that the request names in this way; none if it does not.
    ///
    /// # Errors
    /// [`TenantError`] for what names a tenant, but not as it should.
    fn resolve(&self, parts: &Parts) -> Result<Option<TenantSelector>, TenantError>;
}

/// What a name that was found means: `*` is all tenants.
fn selector(name: &str) -> Result<TenantSelector, TenantError> {
    if name == "*" { Ok(TenantSelector::All) } else { Ok(TenantSelector::One(name.parse()?)) }
}
