//! The tenant that a request's body names.

mod layer;
mod peek;
mod service;

use catalog_core::{context::RequestContext, name::Namespace};

pub(crate) use self::peek::Peeked;
pub use self::{layer::PeekBodyLayer, service::PeekBody};
use crate::TenantError;

/// Checks, once a body has been parsed, that the tenant it names is the request's: whatever was seen of it before, what the handler
/// understands is what counts. A body that names none agrees.
///
/// # Errors
/// [`TenantError::Conflict`].
pub fn check_body_tenant(context: &RequestContext, named: Option<&Namespace>) -> Result<(), TenantError> {
    match named {
        None => Ok(()),
        Some(named) if context.namespace() == Some(named) => Ok(()),
        Some(named) => Err(TenantError::Conflict {
            first: context.tenant().map_or("none".into(), ToString::to_string),
            second: named.to_string(),
        }),
    }
}
