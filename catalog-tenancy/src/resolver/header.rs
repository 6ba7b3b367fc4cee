use std::borrow::Cow;

use catalog_core::tenant::TenantSelector;
use http::{HeaderName, request::Parts};

use super::{TenantResolver, selector};
use crate::TenantError;

/// `X-Namespace`.
pub const X_NAMESPACE: HeaderName = HeaderName::from_static("x-namespace");

const PLACE: &str = "header `X-Namespace`";

/// The header `X-Namespace`.
#[derive(Clone, Copy, Debug, Default)]
pub struct HeaderResolver;

impl TenantResolver for HeaderResolver {
    fn resolve(&self, request: &Parts) -> Result<Option<TenantSelector>, TenantError> {
        let mut values = request.headers.get_all(X_NAMESPACE).iter();
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(TenantError::Twice { place: PLACE });
        }
        let name = std::str::from_utf8(value.as_bytes()).map_err(|_| TenantError::NoText { place: PLACE })?;
        selector(name).map(Some)
    }

    fn how(&self) -> Cow<'static, str> {
        "the header `X-Namespace`".into()
    }
}
