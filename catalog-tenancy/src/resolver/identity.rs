use std::borrow::Cow;

use catalog_core::{context::RequestContext, identity::Identity, name::Namespace, tenant::TenantSelector};
use http::request::Parts;

use super::{TenantBound, TenantResolver};
use crate::TenantError;

/// The tenant of callers that have exactly one by what their authenticator says of them. Of use as a
/// [default](crate::ResolveTenantLayer::with_default): who has none, or several, has to name one.
#[derive(Clone, Debug)]
pub struct IdentityDefault {
    says: Says,
}

/// The tenants that a caller is bound to by what its authenticator says of it, where it says any. It gives no right to them.
#[derive(Clone, Debug)]
pub struct IdentityBound {
    says: Says,
}

/// Where an identity says its tenants.
#[derive(Clone, Debug)]
enum Says {
    /// Under a key of its extra values.
    Extra(String),
    /// In the user's name, if that is a service account's.
    ServiceAccount,
}

impl IdentityDefault {
    /// The one value under that key of the identity's extra values.
    pub fn extra(key: impl Into<String>) -> Self {
        Self { says: Says::Extra(key.into()) }
    }

    /// The namespace of Kubernetes service accounts: `team-a` of `system:serviceaccount:team-a:ci`.
    pub fn service_account() -> Self {
        Self { says: Says::ServiceAccount }
    }
}

impl IdentityBound {
    /// The values under that key of the identity's extra values, such as a claim of its token.
    pub fn extra(key: impl Into<String>) -> Self {
        Self { says: Says::Extra(key.into()) }
    }

    /// The namespace of Kubernetes service accounts.
    pub fn service_account() -> Self {
        Self { says: Says::ServiceAccount }
    }
}

impl TenantResolver for IdentityDefault {
    fn resolve(&self, request: &Parts) -> Result<Option<TenantSelector>, TenantError> {
        let mut named = self.says.of(request)?.unwrap_or_default();
        let only = named.pop().filter(|_| named.is_empty());
        Ok(only.map(TenantSelector::One))
    }

    fn how(&self) -> Cow<'static, str> {
        "the caller's identity".into()
    }
}

impl TenantBound for IdentityBound {
    fn bound(&self, request: &Parts) -> Result<Option<Vec<Namespace>>, TenantError> {
        self.says.of(request)
    }
}

impl Says {
    fn of(&self, request: &Parts) -> Result<Option<Vec<Namespace>>, TenantError> {
        let context = RequestContext::find(&request.extensions);
        let Some(identity) = context.and_then(RequestContext::identity) else { return Ok(None) };
        match self {
            Self::Extra(key) => {
                let Some(values) = identity.extra.get(key) else { return Ok(None) };
                let names = values.iter().map(Namespace::new);
                Ok(Some(names.collect::<Result<_, _>>()?))
            }
            Self::ServiceAccount => match service_account_namespace(identity) {
                None => Ok(None),
                Some(name) => Ok(Some(vec![name.parse()?])),
            },
        }
    }
}

fn service_account_namespace(identity: &Identity) -> Option<&str> {
    let (namespace, _) = identity.user.strip_prefix("system:serviceaccount:")?.split_once(':')?;
    Some(namespace)
}
