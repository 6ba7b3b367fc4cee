use std::collections::BTreeMap;

use catalog_core::name::Namespace;
use serde::{Deserialize, Serialize};

use super::{Limit, RouteClass};

/// How often, for everybody and for single tenants. Each replica counts for itself.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RateLimits {
    /// Each peer's requests, before it is known who asks; of IPv6 each /64 is one. Behind a proxy all requests have one peer.
    pub peer: Limit,
    /// Each tenant's requests, whoever makes them.
    pub tenant: ClassLimits,
    /// Each identity's requests within a tenant.
    pub identity: ClassLimits,
    /// What is otherwise for single tenants.
    pub tenants: BTreeMap<Namespace, TenantLimits>,
}

/// What is otherwise for one tenant. Classes that it does not name are as everybody's.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TenantLimits {
    /// The tenant's requests, whoever makes them.
    pub tenant: ClassLimits,
    /// Each identity's requests within the tenant.
    pub identity: ClassLimits,
}

/// A limit for each class of routes; a class that is absent has none, or that of everybody.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClassLimits {
    /// Of routes that read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read: Option<Limit>,
    /// Of routes that change something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub write: Option<Limit>,
    /// Of routes that set work off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh: Option<Limit>,
}

impl ClassLimits {
    /// The limit of that class.
    pub fn of(&self, class: RouteClass) -> Option<Limit> {
        match class {
            RouteClass::Read => self.read,
            RouteClass::Write => self.write,
            RouteClass::Refresh => self.refresh,
        }
    }
}
