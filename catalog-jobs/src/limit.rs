//! How many jobs may run at once, over all replicas.

use std::collections::BTreeMap;

use catalog_core::name::Namespace;
use serde::{Deserialize, Serialize};

use crate::name::LimitKey;

/// Limits of one queue. None is as many as there are workers for.
///
/// What runs is counted from the live leases when jobs are claimed, under a short lock that only queues with a limit take: there is
/// no counter that could leak. All workers of a queue are to have the same limits.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Limits {
    /// Of all queues together.
    pub global: Option<u32>,
    /// Of the queue.
    pub queue: Option<u32>,
    /// Of the queue's jobs of each tenant.
    pub per_tenant: Option<u32>,
    /// Of single tenants, instead of that.
    pub tenants: BTreeMap<Namespace, u32>,
    /// Of the queue's jobs with one [`LimitKey`], such as a plugin's name.
    pub per_key: Option<u32>,
    /// Of single keys, instead of that.
    pub keys: BTreeMap<LimitKey, u32>,
}

impl Limits {
    /// Whether there is none.
    pub fn is_unlimited(&self) -> bool {
        *self == Self::default()
    }

    /// Of a tenant, by its name.
    pub(crate) fn of_tenant(&self, tenant: &str) -> Option<u32> {
        let own = self.tenants.iter().find(|(name, _)| name.as_str() == tenant);
        own.map(|(_, limit)| *limit).or(self.per_tenant)
    }

    /// Of a limit key, by its name; jobs without one have no limit by it.
    pub(crate) fn of_key(&self, key: &str) -> Option<u32> {
        if key.is_empty() {
            return None;
        }
        let own = self.keys.iter().find(|(name, _)| name.as_str() == key);
        own.map(|(_, limit)| *limit).or(self.per_key)
    }
}
