//! The resources that the fake serves.

use k8s_openapi::api::{
    coordination::v1::Lease,
    core::v1::{ConfigMap, Event, Namespace, Secret, ServiceAccount},
    events::v1::Event as NewEvent,
    rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// How the API server treats one kind of object.
#[derive(Debug)]
pub(super) struct Resource {
    pub(super) group: &'static str,
    pub(super) version: &'static str,
    pub(super) plural: &'static str,
    /// The plural with its group, as messages name it.
    pub(super) qualified: &'static str,
    pub(super) kind: &'static str,
    pub(super) namespaced: bool,
    /// A PUT without a resource version overwrites whatever is there.
    pub(super) unconditional_update: bool,
    /// A PUT of what is not there creates it.
    pub(super) create_on_update: bool,
    pub(super) name: NameRule,
    /// Reads the object as its type and writes it again, which drops what the type does not know.
    pub(super) normalise: fn(Value) -> Result<Value, serde_json::Error>,
}

/// Which names are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NameRule {
    /// A DNS label of RFC 1123.
    Label,
    /// Such labels with dots between.
    Subdomain,
    /// Whatever can stand between two slashes of a path.
    PathSegment,
}

pub(super) const RBAC: &str = "rbac.authorization.k8s.io";

pub(super) static NAMESPACES: Resource = Resource {
    group: "",
    version: "v1",
    plural: "namespaces",
    qualified: "namespaces",
    kind: "Namespace",
    namespaced: false,
    unconditional_update: true,
    create_on_update: false,
    name: NameRule::Label,
    normalise: normalise::<Namespace>,
};

pub(super) static CONFIG_MAPS: Resource = Resource {
    plural: "configmaps",
    qualified: "configmaps",
    kind: "ConfigMap",
    namespaced: true,
    name: NameRule::Subdomain,
    normalise: normalise::<ConfigMap>,
    ..NAMESPACES
};

pub(super) static SECRETS: Resource = Resource {
    plural: "secrets",
    qualified: "secrets",
    kind: "Secret",
    normalise: normalise::<Secret>,
    ..CONFIG_MAPS
};

pub(super) static SERVICE_ACCOUNTS: Resource = Resource {
    plural: "serviceaccounts",
    qualified: "serviceaccounts",
    kind: "ServiceAccount",
    normalise: normalise::<ServiceAccount>,
    ..CONFIG_MAPS
};

static EVENTS: Resource = Resource {
    plural: "events",
    qualified: "events",
    kind: "Event",
    create_on_update: true,
    normalise: normalise::<Event>,
    ..CONFIG_MAPS
};

/// The API server stores these together with those of the core group; here they stay apart.
static NEW_EVENTS: Resource = Resource {
    group: "events.k8s.io",
    qualified: "events.events.k8s.io",
    normalise: normalise::<NewEvent>,
    ..EVENTS
};

pub(super) static LEASES: Resource = Resource {
    group: "coordination.k8s.io",
    version: "v1",
    plural: "leases",
    qualified: "leases.coordination.k8s.io",
    kind: "Lease",
    namespaced: true,
    unconditional_update: false,
    create_on_update: true,
    name: NameRule::Subdomain,
    normalise: normalise::<Lease>,
};

pub(super) static ROLES: Resource = Resource {
    group: RBAC,
    version: "v1",
    plural: "roles",
    qualified: "roles.rbac.authorization.k8s.io",
    kind: "Role",
    namespaced: true,
    unconditional_update: true,
    create_on_update: true,
    name: NameRule::PathSegment,
    normalise: normalise::<Role>,
};

pub(super) static ROLE_BINDINGS: Resource = Resource {
    plural: "rolebindings",
    qualified: "rolebindings.rbac.authorization.k8s.io",
    kind: "RoleBinding",
    normalise: normalise::<RoleBinding>,
    ..ROLES
};

pub(super) static CLUSTER_ROLES: Resource = Resource {
    plural: "clusterroles",
    qualified: "clusterroles.rbac.authorization.k8s.io",
    kind: "ClusterRole",
    namespaced: false,
    normalise: normalise::<ClusterRole>,
    ..ROLES
};

pub(super) static CLUSTER_ROLE_BINDINGS: Resource = Resource {
    plural: "clusterrolebindings",
    qualified: "clusterrolebindings.rbac.authorization.k8s.io",
    kind: "ClusterRoleBinding",
    normalise: normalise::<ClusterRoleBinding>,
    ..CLUSTER_ROLES
};

/// All of them.
static ALL: [&Resource; 11] = [
    &NAMESPACES,
    &CONFIG_MAPS,
    &SECRETS,
    &SERVICE_ACCOUNTS,
    &EVENTS,
    &NEW_EVENTS,
    &LEASES,
    &ROLES,
    &ROLE_BINDINGS,
    &CLUSTER_ROLES,
    &CLUSTER_ROLE_BINDINGS,
];

impl Resource {
    /// Finds one by its path.
    pub(super) fn find(group: &str, version: &str, plural: &str) -> Option<&'static Self> {
        let found = |one: &&&Self| one.group == group && one.version == version && one.plural == plural;
        ALL.iter().find(found).copied()
    }

    /// Finds one by its plural with its group.
    pub(super) fn of(qualified: &str) -> Option<&'static Self> {
        ALL.iter().find(|one| one.qualified == qualified).copied()
    }

    pub(super) fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_owned()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }
}

fn normalise<T: DeserializeOwned + Serialize>(object: Value) -> Result<Value, serde_json::Error> {
    serde_json::to_value(serde_json::from_value::<T>(object)?)
}
