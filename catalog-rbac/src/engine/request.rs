//! Who asks, and for what.

use catalog_core::identity::Identity;

/// Who asks: the user and the groups exactly as authenticated. Nothing is added to them.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    /// The user's name.
    pub user: &'a str,
    /// The groups.
    pub groups: &'a [String],
}

impl<'a> From<&'a Identity> for Caller<'a> {
    fn from(identity: &'a Identity) -> Self {
        Self { user: &identity.user, groups: &identity.groups }
    }
}

/// What is asked: something of a resource, or a path that is none's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Attributes<'a> {
    /// Of a resource.
    Resource(ResourceAttributes<'a>),
    /// Of a path.
    Path(PathAttributes<'a>),
}

/// What is asked of a resource. An empty text stands for what is not named, as in Kubernetes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct ResourceAttributes<'a> {
    /// The verb.
    pub verb: &'a str,
    /// The API group; the core group is the empty text.
    pub api_group: &'a str,
    /// The resource.
    pub resource: &'a str,
    /// The subresource.
    pub subresource: &'a str,
    /// The object's name.
    pub name: &'a str,
    /// The namespace; without one a right in the whole cluster is asked for.
    pub namespace: &'a str,
}

/// What is asked of a path that is no resource's: such as `/metrics`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PathAttributes<'a> {
    /// The verb, which is the HTTP method in lower case.
    pub verb: &'a str,
    /// The path.
    pub path: &'a str,
}

impl<'a> ResourceAttributes<'a> {
    /// To do `verb` to any `resource` of the group, in the whole cluster.
    pub fn new(verb: &'a str, api_group: &'a str, resource: &'a str) -> Self {
        Self { verb, api_group, resource, ..Self::default() }
    }

    /// To a subresource.
    #[must_use]
    pub fn with_subresource(mut self, subresource: &'a str) -> Self {
        self.subresource = subresource;
        self
    }

    /// To the object of that name.
    #[must_use]
    pub fn with_name(mut self, name: &'a str) -> Self {
        self.name = name;
        self
    }

    /// In a namespace.
    #[must_use]
    pub fn in_namespace(mut self, namespace: &'a str) -> Self {
        self.namespace = namespace;
        self
    }
}

impl<'a> From<ResourceAttributes<'a>> for Attributes<'a> {
    fn from(attributes: ResourceAttributes<'a>) -> Self {
        Self::Resource(attributes)
    }
}

impl<'a> From<PathAttributes<'a>> for Attributes<'a> {
    fn from(attributes: PathAttributes<'a>) -> Self {
        Self::Path(attributes)
    }
}
