use std::borrow::Cow;

use catalog_core::tenant::TenantSelector;
use http::{header::HOST, request::Parts};

use super::{TenantResolver, one};
use crate::TenantError;

const PLACE: &str = "host";

/// The first label of the host name: `team-a` of `team-a.catalog.example`.
///
/// A host that is not below the domain names no tenant in this way. One that is below it only when dots at the end and capital
/// letters are overlooked is refused: of two spellings that a proxy may take for one, only the plain one names a tenant.
#[derive(Clone, Debug)]
pub struct HostResolver {
    /// With a dot before it.
    suffix: String,
}

impl HostResolver {
    /// Below that domain: `catalog.example`, in lower case.
    pub fn below(domain: &str) -> Self {
        Self { suffix: format!(".{domain}") }
    }

    fn named(&self, authority: &str) -> Result<Option<TenantSelector>, TenantError> {
        let host = without_port(authority);
        if let Some(label) = host.strip_suffix(&self.suffix) {
            return one(label).map(Some);
        }
        let plain = host.trim_end_matches('.').to_lowercase();
        match plain.strip_suffix(&self.suffix) {
            // a name that is none, so that the error shows it as it came
            Some(_) => one(host).map(Some),
            None => Ok(None),
        }
    }
}

impl TenantResolver for HostResolver {
    fn resolve(&self, request: &Parts) -> Result<Option<TenantSelector>, TenantError> {
        let mut hosts = request.headers.get_all(HOST).iter();
        let header = match hosts.next() {
            None => None,
            Some(host) => Some(host.to_str().map_err(|_| TenantError::NoText { place: PLACE })?),
        };
        if hosts.next().is_some() {
            return Err(TenantError::Twice { place: PLACE });
        }
        let authority = request.uri.authority().map(http::uri::Authority::as_str);
        match (header, authority) {
            (None, None) => Ok(None),
            (Some(one), None) | (None, Some(one)) => self.named(one),
            // RFC 9112, section 3.2.2: the authority of the request's target counts; a header that says another is refused
            (Some(header), Some(authority)) => match (self.named(header)?, self.named(authority)?) {
                (header, authority) if header == authority => Ok(header),
                (header, authority) => {
                    let shown = |found: Option<TenantSelector>| {
                        found.map_or("none".into(), |selector| selector.to_string())
                    };
                    Err(TenantError::Conflict { first: shown(authority), second: shown(header) })
                }
            },
        }
    }

    fn how(&self) -> Cow<'static, str> {
        format!("the host `<namespace>{}`", self.suffix).into()
    }
}

/// The host of `host:port`; an IPv6 address in brackets keeps its colons and is no name anyway.
fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    }
}
