use super::{super::names::Names, MISSING};
use crate::engine::object::{RoleKind, RoleRef};

/// The rule list of every role.
#[derive(Debug)]
pub(in crate::engine::snapshot) struct Roles {
    /// By namespace and name, which a `/` divides, since neither can hold one.
    roles: Names<u32>,
    cluster_roles: Names<u32>,
}

impl Roles {
    /// For about so many.
    pub(super) fn with_capacity(roles: usize) -> Self {
        Self { roles: Names::with_capacity(roles), cluster_roles: Names::with_capacity(0) }
    }

    pub(super) fn add(&mut self, namespace: Option<&str>, name: &str, list: u32) {
        match namespace {
            Some(namespace) => self.roles.put(&format!("{namespace}/{name}"), list),
            None => self.cluster_roles.put(name, list),
        }
    }

    /// The list that a binding of that namespace gives; [`MISSING`] if there is no such role.
    pub(in crate::engine::snapshot) fn list(&self, role: &RoleRef, namespace: Option<&str>) -> u32 {
        let found = match role.role_kind() {
            // a binding of the cluster has no namespace to find a role in
            Some(RoleKind::Role) => {
                namespace.and_then(|namespace| self.roles.find(&format!("{namespace}/{}", role.name)))
            }
            Some(RoleKind::ClusterRole) => self.cluster_roles.find(&role.name),
            None => None,
        };
        found.map_or(MISSING, |(_, list)| *list)
    }
}
