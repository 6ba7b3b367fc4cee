use std::borrow::Cow;

use catalog_core::tenant::TenantSelector;
use http::request::Parts;

use super::{TenantResolver, one};
use crate::{TenantError, body::Peeked};

/// The field `namespace` of a small JSON body, which a [`PeekBodyLayer`](crate::PeekBodyLayer) without this layer has read.
#[derive(Clone, Copy, Debug, Default)]
pub struct BodyResolver;

impl TenantResolver for BodyResolver {
    fn resolve(&self, request: &Parts) -> Result<Option<TenantSelector>, TenantError> {
        match request.extensions.get() {
            None | Some(Peeked::Nothing) => Ok(None),
            Some(Peeked::Name(name)) => one(name).map(Some),
            Some(Peeked::Refused(error)) => Err(error.clone()),
        }
    }

    fn how(&self) -> Cow<'static, str> {
        "the field `namespace` of a small JSON body".into()
    }
}
