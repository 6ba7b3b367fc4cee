use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::MISSING;
use crate::engine::object::{RoleKind, RoleRef};

/// The rule list of every role.
#[derive(Debug, Default)]
pub(in crate::engine::snapshot) struct Roles {
    /// By namespace and name.
    pub(super) roles: HashMap<String, HashMap<String, u32, RandomState>, RandomState>,
    pub(super) cluster_roles: HashMap<String, u32, RandomState>,
}

impl Roles {
    /// The list that a binding of that namespace gives; [`MISSING`] if there is no such role.
    pub(in crate::engine::snapshot) fn list(&self, role: &RoleRef, namespace: Option<&str>) -> u32 {
        let list = match role.role_kind() {
            // a binding of the cluster has no namespace to find a role in
            Some(RoleKind::Role) => {
                namespace.and_then(|namespace| self.roles.get(namespace)?.get(&role.name))
            }
            Some(RoleKind::ClusterRole) => self.cluster_roles.get(&role.name),
            None => None,
        };
        list.copied().unwrap_or(MISSING)
    }
}
