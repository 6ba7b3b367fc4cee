//! Which tenants there are.

use std::{collections::BTreeMap, error::Error, fmt, sync::Arc};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{name::Namespace, tenant::TenantScope};

/// A tenant, as the directory knows it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceRecord {
    /// Its name.
    pub name: Namespace,
    /// How people call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Whether it may be worked in.
    pub phase: Phase,
}

impl NamespaceRecord {
    /// An active tenant of that name.
    pub fn new(name: Namespace) -> Self {
        Self { name, display_name: None, labels: BTreeMap::new(), phase: Phase::Active }
    }
}

/// Whether a tenant may be worked in.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// It may.
    #[default]
    Active,
    /// Not for now: everything is kept, and nobody may do anything.
    Suspended,
    /// Never again: what it has is being removed.
    Terminating,
}

impl Phase {
    /// The phase, as it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Terminating => "terminating",
        }
    }
}

/// A directory could not answer. That is never a yes.
#[derive(Debug, thiserror::Error)]
#[error("the directory of namespaces gave no answer")]
pub struct DirectoryError {
    source: Box<dyn Error + Send + Sync>,
}

impl DirectoryError {
    /// For that cause.
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { source: source.into() }
    }
}

/// Says which tenants there are.
#[async_trait]
pub trait NamespaceDirectory: Send + Sync + fmt::Debug + 'static {
    /// The tenant of that name; none if there is none.
    ///
    /// # Errors
    /// [`DirectoryError`] when it cannot tell; the caller refuses.
    async fn find(&self, name: &Namespace) -> Result<Option<Arc<NamespaceRecord>>, DirectoryError>;

    /// What [`find`](Self::find) would say, if it is known without waiting.
    fn peek(&self, name: &Namespace) -> Peeked {
        let _ = name;
        Peeked::Unsure
    }

    /// At most `most` of the tenants within the scope, by name, just after that one.
    ///
    /// # Errors
    /// [`DirectoryError`] when it cannot tell.
    async fn list(
        &self,
        scope: &TenantScope,
        after: Option<&Namespace>,
        most: usize,
    ) -> Result<Vec<Arc<NamespaceRecord>>, DirectoryError>;
}

/// What a directory knows without waiting.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Peeked {
    /// Nothing: ask it.
    Unsure,
    /// There is no such tenant.
    Absent,
    /// The tenant.
    Found(Arc<NamespaceRecord>),
}

impl From<Option<Arc<NamespaceRecord>>> for Peeked {
    fn from(found: Option<Arc<NamespaceRecord>>) -> Self {
        found.map_or(Self::Absent, Self::Found)
    }
}

/// Why nothing may be done in a tenant.
#[derive(Debug, thiserror::Error)]
pub enum NotAdmitted {
    /// There is no such tenant.
    #[error("there is no namespace `{0}`")]
    Absent(Namespace),
    /// It is suspended.
    #[error("the namespace `{0}` is suspended")]
    Suspended(Namespace),
    /// It is being removed.
    #[error("the namespace `{0}` is being deleted")]
    Terminating(Namespace),
    /// The directory gave no answer.
    #[error("the directory of namespaces is unavailable")]
    Unavailable(#[source] DirectoryError),
}

impl NotAdmitted {
    /// Whether something may be done in the tenant of that record.
    ///
    /// # Errors
    /// Every reason but `Unavailable`.
    pub fn check(name: &Namespace, record: Option<&NamespaceRecord>) -> Result<(), Self> {
        match record.map(|record| record.phase) {
            Some(Phase::Active) => Ok(()),
            Some(Phase::Suspended) => Err(Self::Suspended(name.clone())),
            Some(Phase::Terminating) => Err(Self::Terminating(name.clone())),
            None => Err(Self::Absent(name.clone())),
        }
    }
}

/// Whether something may be done in that tenant: for whoever works there without a request, such as a job.
///
/// # Errors
/// [`NotAdmitted`]: whatever is not a clear yes.
pub async fn admit<D: NamespaceDirectory + ?Sized>(
    directory: &D,
    name: &Namespace,
) -> Result<(), NotAdmitted> {
    let record = directory.find(name).await.map_err(NotAdmitted::Unavailable)?;
    NotAdmitted::check(name, record.as_deref())
}
