use catalog_core::permission::{Permission, Resource, Verb};

/// What a request costs: each class has limits of its own.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub enum RouteClass {
    /// It reads.
    Read,
    /// It changes something.
    Write,
    /// It sets work off in the background.
    Refresh,
}

impl RouteClass {
    /// All classes.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Refresh];

    /// The class of a route that asks for that permission; one that asks for none reads.
    pub fn of(permission: Option<&Permission>) -> Self {
        match permission.map(|permission| (permission.verb, permission.resource)) {
            None | Some((Verb::Get | Verb::List, _)) => Self::Read,
            Some((Verb::Create, Resource::Jobs)) => Self::Refresh,
            Some(_) => Self::Write,
        }
    }

    /// The class, as configurations and metrics write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Refresh => "refresh",
        }
    }
}
