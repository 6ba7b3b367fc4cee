//! What a route asks for before it is served.

use std::{borrow::Cow, fmt};

/// The API group of every resource, unless configured otherwise.
pub const API_GROUP: &str = "catalog.kubeflow.org";

/// What is done.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
#[non_exhaustive]
pub enum Verb {
    /// Read one.
    Get,
    /// Read many.
    List,
    /// Make one.
    Create,
    /// Change one.
    Update,
    /// Remove one.
    Delete,
    /// Run an action.
    Execute,
    /// Decide on an approval.
    Approve,
}

impl Verb {
    /// All verbs.
    pub const ALL: [Self; 7] =
        [Self::Get, Self::List, Self::Create, Self::Update, Self::Delete, Self::Execute, Self::Approve];

    /// The verb that roles write so.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| verb.as_str() == text)
    }

    /// The verb, as roles write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Execute => "execute",
            Self::Approve => "approve",
        }
    }
}

/// What it is done to.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
#[non_exhaustive]
pub enum Resource {
    /// The plugins of the server.
    Plugins,
    /// What a plugin can do.
    Capabilities,
    /// What a plugin lists.
    Assets,
    /// Where assets come from.
    CatalogSources,
    /// What may be done to an asset or source.
    Actions,
    /// Work in the background.
    Jobs,
    /// Decisions that an action waits for.
    Approvals,
    /// The record of what was done.
    Audit,
}

impl Resource {
    /// All resources.
    pub const ALL: [Self; 8] = [
        Self::Plugins,
        Self::Capabilities,
        Self::Assets,
        Self::CatalogSources,
        Self::Actions,
        Self::Jobs,
        Self::Approvals,
        Self::Audit,
    ];

    /// The resource that roles write so.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|resource| resource.as_str() == text)
    }

    /// The resource, as roles write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plugins => "plugins",
            Self::Capabilities => "capabilities",
            Self::Assets => "assets",
            Self::CatalogSources => "catalogsources",
            Self::Actions => "actions",
            Self::Jobs => "jobs",
            Self::Approvals => "approvals",
            Self::Audit => "audit",
        }
    }
}

/// Whose objects a route touches.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub enum Reach {
    /// Nobody's: the server's own. No namespace is put in the check.
    Cluster,
    /// One tenant's.
    Tenant,
    /// One tenant's, or with a cluster-wide permission those of all.
    TenantOrAll,
}

/// What a route asks for: declared where the route is mounted, and nowhere else.
#[derive(Clone, Debug, Eq, PartialEq, Hash)]
pub struct Permission {
    /// What is done.
    pub verb: Verb,
    /// What it is done to.
    pub resource: Resource,
    /// The plugin, which a role may narrow a resource to: `assets/model`.
    pub plugin: Option<Cow<'static, str>>,
    /// Whose objects it touches.
    pub reach: Reach,
}

impl Permission {
    /// To do `verb` to `resource`.
    pub fn new(verb: Verb, resource: Resource, reach: Reach) -> Self {
        Self { verb, resource, plugin: None, reach }
    }

    /// Narrowed to one plugin.
    #[must_use]
    pub fn of_plugin(mut self, plugin: impl Into<Cow<'static, str>>) -> Self {
        self.plugin = Some(plugin.into());
        self
    }
}

/// What a route asks for before it is served.
#[derive(Clone, Debug, Eq, PartialEq, Hash)]
pub enum Access {
    /// That permission.
    Permission(Permission),
    /// To know who asks, and nothing more: what it serves follows from what the caller may.
    Authenticated,
    /// Nothing: it serves everybody, and no tenant's data.
    Public,
}

impl Access {
    /// The permission, where one is asked for.
    pub fn permission(&self) -> Option<&Permission> {
        match self {
            Self::Permission(permission) => Some(permission),
            Self::Authenticated | Self::Public => None,
        }
    }

    /// Whose objects are touched.
    pub fn reach(&self) -> Reach {
        self.permission().map_or(Reach::Cluster, |permission| permission.reach)
    }
}

impl From<Permission> for Access {
    fn from(permission: Permission) -> Self {
        Self::Permission(permission)
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let permission = match self {
            Self::Public => return f.write_str("public"),
            Self::Authenticated => return f.write_str("authenticated"),
            Self::Permission(permission) => permission,
        };
        let reach = match permission.reach {
            Reach::Cluster => "cluster",
            Reach::Tenant => "tenant",
            Reach::TenantOrAll => "tenant or all",
        };
        write!(f, "{permission} ({reach})")
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb.as_str(), self.resource.as_str())?;
        self.plugin.as_ref().map_or(Ok(()), |plugin| write!(f, "/{plugin}"))
    }
}
