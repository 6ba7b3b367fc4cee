use std::{fmt, time::Duration};

/// One thing that was checked.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Check {
    /// What it is about.
    pub category: Category,
    /// Its name, which is unique in the suite and stable: `walks-agree`.
    pub name: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took.
    pub duration: Duration,
}

/// How a check ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// All that it looked at was right.
    Passed,
    /// Something was wrong.
    Failed {
        /// What, one message each; a long list is cut.
        messages: Vec<String>,
    },
    /// It could not be decided.
    Skipped {
        /// What was missing.
        reason: String,
    },
}

impl Outcome {
    /// `passed`, `failed` or `skipped`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed { .. } => "failed",
            Self::Skipped { .. } => "skipped",
        }
    }

    /// What is to be said about it: nothing where it passed.
    pub fn messages(&self) -> &[String] {
        match self {
            Self::Passed => &[],
            Self::Failed { messages } => messages,
            Self::Skipped { reason } => std::slice::from_ref(reason),
        }
    }
}

/// What a check is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash, Ord, PartialOrd)]
#[non_exhaustive]
pub enum Category {
    /// Discovery, and what the plugin says of itself.
    Capabilities,
    /// The list of an entity.
    List,
    /// One asset by its name.
    Get,
    /// Walking a list page by page.
    Paging,
    /// `orderBy` and `sortOrder`.
    Order,
    /// `filterQuery`.
    Filter,
    /// `q`.
    Search,
    /// What one tenant can learn of another.
    Isolation,
    /// What callers without the right are told.
    Permissions,
    /// The shape of errors, and the request's id.
    Errors,
    /// The plugin's sources.
    Sources,
    /// The OpenAPI document.
    Openapi,
    /// The audit trail, where it is mounted.
    Audit,
    /// The refresh jobs, where they are mounted.
    Jobs,
}

impl Category {
    /// All of them, in the order in which they run.
    pub const ALL: [Self; 14] = [
        Self::Capabilities,
        Self::List,
        Self::Get,
        Self::Paging,
        Self::Order,
        Self::Filter,
        Self::Search,
        Self::Isolation,
        Self::Permissions,
        Self::Errors,
        Self::Sources,
        Self::Openapi,
        Self::Audit,
        Self::Jobs,
    ];

    /// Its name: `capabilities`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Capabilities => "capabilities",
            Self::List => "list",
            Self::Get => "get",
            Self::Paging => "paging",
            Self::Order => "order",
            Self::Filter => "filter",
            Self::Search => "search",
            Self::Isolation => "isolation",
            Self::Permissions => "permissions",
            Self::Errors => "errors",
            Self::Sources => "sources",
            Self::Openapi => "openapi",
            Self::Audit => "audit",
            Self::Jobs => "jobs",
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
