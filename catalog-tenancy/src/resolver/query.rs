use std::borrow::Cow;

use catalog_core::tenant::TenantSelector;
use http::request::Parts;
use percent_encoding::percent_decode_str;

use super::{TenantResolver, selector};
use crate::TenantError;

const NAMESPACE: &str = "query parameter `namespace`";
const ALL_NAMESPACES: &str = "query parameter `allNamespaces`";

/// The query parameters `namespace` and `allNamespaces`.
#[derive(Clone, Copy, Debug, Default)]
pub struct QueryResolver;

impl TenantResolver for QueryResolver {
    fn resolve(&self, request: &Parts) -> Result<Option<TenantSelector>, TenantError> {
        let (mut named, mut all) = (None, None);
        for pair in request.uri.query().unwrap_or_default().split('&') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            // a key may be encoded like a value: what means the same is the same
            let key = percent_decode_str(key).decode_utf8_lossy();
            let (place, slot) = match key.as_ref() {
                "namespace" => (NAMESPACE, &mut named),
                "allNamespaces" => (ALL_NAMESPACES, &mut all),
                _ => continue,
            };
            let value = percent_decode_str(value).decode_utf8().map_err(|_| TenantError::NoText { place })?;
            if slot.replace(value).is_some() {
                return Err(TenantError::Twice { place });
            }
        }
        let all = match all.as_deref() {
            None | Some("false") => None,
            Some("true") => Some(TenantSelector::All),
            Some(_) => return Err(TenantError::NoFlag),
        };
        match (named.map(|name| selector(&name)).transpose()?, all) {
            (Some(TenantSelector::One(one)), Some(all)) => {
                Err(TenantError::Conflict { first: one.to_string(), second: all.to_string() })
            }
            (named, all) => Ok(named.or(all)),
        }
    }

    fn how(&self) -> Cow<'static, str> {
        "`?namespace=`".into()
    }
}
