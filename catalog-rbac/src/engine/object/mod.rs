//! The objects of `rbac.authorization.k8s.io/v1`, as manifests have them.

mod binding;
mod metadata;
mod role;
mod rule;
mod selector;

use std::{fmt, sync::Arc};

use catalog_core::name::Namespace;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(super) use self::{
    binding::Who,
    rule::{covers_path, has},
};
pub use self::{
    binding::{ClusterRoleBinding, RoleBinding, RoleKind, RoleRef, Subject},
    metadata::Metadata,
    role::{AggregationRule, ClusterRole, Role},
    rule::PolicyRule,
    selector::{LabelSelector, LabelSelectorRequirement},
};

/// The API group of the objects, and of everything that they refer to.
pub const RBAC_GROUP: &str = "rbac.authorization.k8s.io";
/// What a manifest of one says.
const API_VERSION: &str = "rbac.authorization.k8s.io/v1";

/// One object of a policy.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Object {
    /// Rules that hold in one namespace.
    Role(Arc<Role>),
    /// Rules that hold wherever they are bound.
    ClusterRole(Arc<ClusterRole>),
    /// Who has a role in one namespace.
    RoleBinding(Arc<RoleBinding>),
    /// Who has a role everywhere.
    ClusterRoleBinding(Arc<ClusterRoleBinding>),
}

/// The kinds of objects.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
#[non_exhaustive]
pub enum ObjectKind {
    /// [`Role`].
    Role,
    /// [`ClusterRole`].
    ClusterRole,
    /// [`RoleBinding`].
    RoleBinding,
    /// [`ClusterRoleBinding`].
    ClusterRoleBinding,
}

/// What names an object: of each there is one at most.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct ObjectKey {
    /// The kind.
    pub kind: ObjectKind,
    /// The namespace of a role or a role binding.
    pub namespace: Option<Namespace>,
    /// The name.
    pub name: String,
}

impl ObjectKind {
    const ALL: [Self; 4] = [Self::Role, Self::ClusterRole, Self::RoleBinding, Self::ClusterRoleBinding];

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The kind, as manifests write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Role => "Role",
            Self::ClusterRole => "ClusterRole",
            Self::RoleBinding => "RoleBinding",
            Self::ClusterRoleBinding => "ClusterRoleBinding",
        }
    }

    /// Whether it gives a role to somebody.
    pub fn is_binding(self) -> bool {
        matches!(self, Self::RoleBinding | Self::ClusterRoleBinding)
    }

    /// Whether its objects are in a namespace each.
    pub fn is_namespaced(self) -> bool {
        matches!(self, Self::Role | Self::RoleBinding)
    }
}

impl Object {
    /// The kind.
    pub fn kind(&self) -> ObjectKind {
        match self {
            Self::Role(_) => ObjectKind::Role,
            Self::ClusterRole(_) => ObjectKind::ClusterRole,
            Self::RoleBinding(_) => ObjectKind::RoleBinding,
            Self::ClusterRoleBinding(_) => ObjectKind::ClusterRoleBinding,
        }
    }

    /// The name, the namespace and the labels.
    pub fn metadata(&self) -> &Metadata {
        match self {
            Self::Role(role) => &role.metadata,
            Self::ClusterRole(role) => &role.metadata,
            Self::RoleBinding(binding) => &binding.metadata,
            Self::ClusterRoleBinding(binding) => &binding.metadata,
        }
    }
}

/// As a manifest, with its version and kind.
impl Serialize for Object {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Manifest<'a, T> {
            api_version: &'static str,
            kind: &'static str,
            #[serde(flatten)]
            object: &'a T,
        }
        let (api_version, kind) = (API_VERSION, self.kind().as_str());
        match self {
            Self::Role(object) => Manifest { api_version, kind, object: &**object }.serialize(to),
            Self::ClusterRole(object) => Manifest { api_version, kind, object: &**object }.serialize(to),
            Self::RoleBinding(object) => Manifest { api_version, kind, object: &**object }.serialize(to),
            Self::ClusterRoleBinding(object) => {
                Manifest { api_version, kind, object: &**object }.serialize(to)
            }
        }
    }
}

macro_rules! object {
    ($kind:ident) => {
        impl From<$kind> for Object {
            fn from(object: $kind) -> Self {
                Self::$kind(Arc::new(object))
            }
        }
    };
}

object!(Role);
object!(ClusterRole);
object!(RoleBinding);
object!(ClusterRoleBinding);

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `", self.kind)?;
        if let Some(namespace) = &self.namespace {
            write!(f, "{namespace}/")?;
        }
        write!(f, "{}`", self.name)
    }
}

/// Go writes an empty list as `null`, and so do manifests that were read from a cluster.
fn null_is_empty<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}
