//! What other crates put into a store's transactions.
//!
//! A store is made with its hooks and calls them inside the transaction of each change, so that the change and what follows from it
//! happen together or not at all. Each hook has an implementation that does nothing, which has to be chosen by name.

use std::{fmt, future::Future};

use async_trait::async_trait;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Attribution, SourceKey, StoreError, StoreErrorKind};
use crate::{
    directory::NamespaceRecord,
    name::{Namespace, PluginName, SourceId},
    source::{RefreshFigures, Source, redact},
    tenant::TenantScope,
};

/// One change, as a store tells it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Change<'a> {
    /// Who makes it.
    pub by: &'a Attribution,
    /// The tenant; none for what concerns all of them.
    pub namespace: Option<&'a Namespace>,
    /// The plugin; none for what is no plugin's.
    pub plugin: Option<&'a PluginName>,
    /// What was changed.
    pub subject: Subject<'a>,
    /// The revision before; none for something new.
    pub old_revision: Option<i64>,
    /// The revision after; none for something removed.
    pub new_revision: Option<i64>,
    /// The value before.
    pub old_value: Option<Value>,
    /// The value after.
    pub new_value: Option<Value>,
}

impl<'a> Change<'a> {
    /// Of a source that was applied. Secrets in its properties are redacted.
    pub(super) fn of_source(by: &'a Attribution, before: Option<&Source>, after: &'a Source) -> Self {
        Self {
            by,
            namespace: Some(&after.namespace),
            plugin: Some(&after.plugin),
            subject: Subject::Source(&after.spec.id),
            old_revision: before.map(|before| before.revision),
            new_revision: Some(after.revision),
            old_value: before.map(shown),
            new_value: Some(shown(after)),
        }
    }

    /// Of a source that was removed.
    pub(super) fn of_removed_source(by: &'a Attribution, before: &'a Source) -> Self {
        Self {
            old_revision: Some(before.revision),
            new_revision: None,
            old_value: Some(shown(before)),
            new_value: None,
            ..Self::of_source(by, None, before)
        }
    }

    /// Of the assets of a source that were replaced.
    pub(super) fn of_assets(
        by: &'a Attribution,
        namespace: &'a Namespace,
        source: &'a SourceKey,
        figures: RefreshFigures,
    ) -> Self {
        Self {
            by,
            namespace: Some(namespace),
            plugin: Some(&source.plugin),
            subject: Subject::Assets(&source.id),
            old_revision: None,
            new_revision: None,
            old_value: None,
            new_value: Some(json!(figures)),
        }
    }

    /// Of a tenant that was made or changed.
    pub fn of_namespace(
        by: &'a Attribution,
        before: Option<&NamespaceRecord>,
        after: &'a NamespaceRecord,
    ) -> Self {
        Self {
            by,
            namespace: Some(&after.name),
            plugin: None,
            subject: Subject::Namespace,
            old_revision: None,
            new_revision: None,
            old_value: before.map(|before| redact("", &json!(before))),
            new_value: Some(redact("", &json!(after))),
        }
    }

    /// Of a tenant that was removed.
    pub fn of_removed_namespace(by: &'a Attribution, before: &'a NamespaceRecord) -> Self {
        Self {
            old_value: Some(redact("", &json!(before))),
            new_value: None,
            ..Self::of_namespace(by, None, before)
        }
    }

    /// Of jobs, or of what they wait in; the values are added by who makes it.
    pub fn of_jobs(by: &'a Attribution, namespace: Option<&'a Namespace>, subject: Subject<'a>) -> Self {
        Self {
            by,
            namespace,
            plugin: None,
            subject,
            old_revision: None,
            new_revision: None,
            old_value: None,
            new_value: None,
        }
    }
}

/// The specification as a record may hold it: without secrets.
fn shown(source: &Source) -> Value {
    redact("", &json!(source.spec))
}

/// What a [`Change`] changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Subject<'a> {
    /// A source.
    Source(&'a SourceId),
    /// The assets of a source, in one refresh; the values are figures.
    Assets(&'a SourceId),
    /// The tenant itself.
    Namespace,
    /// Jobs; where none is named, all that the tenant has.
    Jobs(&'a [Uuid]),
    /// A queue of jobs.
    Queue(&'a str),
}

/// Records a change in the change's own transaction of type `T`.
pub trait Recorder<T>: Send + Sync + 'static {
    /// Records it.
    ///
    /// # Errors
    /// Whatever the store of records says; the change is then not made.
    fn record(
        &self,
        transaction: &mut T,
        change: &Change<'_>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// Keeps no record of changes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unaudited;

impl<T: Send> Recorder<T> for Unaudited {
    async fn record(&self, _: &mut T, _: &Change<'_>) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Makes a transaction of type `T` fail when its holder has lost its lease.
pub trait Fence<T>: Send + Sync {
    /// Checks, in the transaction, that the lease still holds. A store may check more than once: first, and last before the commit.
    ///
    /// # Errors
    /// [`Fenced`](super::StoreErrorKind::Fenced) when it does not; the transaction is then not committed.
    fn check(&self, transaction: &mut T) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// Takes no lease: for a service of one process.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unfenced;

impl<T: Send> Fence<T> for Unfenced {
    async fn check(&self, _: &mut T) -> Result<(), StoreError> {
        Ok(())
    }
}

/// A job, as a store asks for it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum JobRequest<'a> {
    /// Read a source anew.
    Refresh {
        /// The tenant.
        namespace: &'a Namespace,
        /// The plugin.
        plugin: &'a PluginName,
        /// The source.
        source: &'a SourceId,
    },
    /// Read a source anew again and again.
    Schedule {
        /// The tenant.
        namespace: &'a Namespace,
        /// The plugin.
        plugin: &'a PluginName,
        /// The source.
        source: &'a SourceId,
        /// When; none is no longer.
        schedule: Option<&'a str>,
    },
}

/// Puts a job into the caller's transaction of type `T`.
pub trait Enqueue<T>: Send + Sync + 'static {
    /// Puts it there.
    ///
    /// # Errors
    /// Whatever the queue says; the change that asks for the job is then not made.
    fn enqueue(
        &self,
        transaction: &mut T,
        job: &JobRequest<'_>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// Has no queue: who changes a source sees to its refresh.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unqueued;

impl<T: Send> Enqueue<T> for Unqueued {
    async fn enqueue(&self, _: &mut T, _: &JobRequest<'_>) -> Result<(), StoreError> {
        Ok(())
    }
}

/// What of a tenant's is counted.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
#[non_exhaustive]
pub enum Stock {
    /// Assets, of all plugins.
    Assets,
    /// Sources, of all plugins.
    Sources,
    /// Jobs that wait or run.
    LiveJobs,
}

impl Stock {
    /// The stock, as configurations and tables write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Assets => "assets",
            Self::Sources => "sources",
            Self::LiveJobs => "live_jobs",
        }
    }
}

/// Says whether a tenant may change anything, and how much it may keep; asked in the transaction of each change, which is of type `T`.
#[async_trait]
pub trait Admission<T: Send>: Send + Sync + fmt::Debug + 'static {
    /// Whether anything of the tenant's may be changed. What says so must stay true until the transaction ends.
    ///
    /// # Errors
    /// [`NotAdmitted`](super::StoreErrorKind::NotAdmitted) when it may not; the change is then not made.
    async fn admit(&self, transaction: &mut T, namespace: &Namespace) -> Result<(), StoreError>;

    /// How much of a stock the tenant may have; none is as much as it likes. The store counts, in the transaction that adds: one that
    /// would have more is refused, and what a tenant has too much by an older limit is not taken away.
    fn limit(&self, namespace: &Namespace, stock: Stock) -> Option<u64>;
}

/// Admits every tenant, and sets no limit to what it keeps.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unlimited;

#[async_trait]
impl<T: Send> Admission<T> for Unlimited {
    async fn admit(&self, _: &mut T, _: &Namespace) -> Result<(), StoreError> {
        Ok(())
    }

    fn limit(&self, _: &Namespace, _: Stock) -> Option<u64> {
        None
    }
}

/// Whether a stock that has become `used` by a change of `change` is within its limit.
///
/// # Errors
/// `QuotaExceeded` if it is not, and the change added to it; `TooManyJobs` where they are jobs.
pub fn check_quota(stock: Stock, used: i64, change: i64, limit: Option<u64>) -> Result<(), StoreError> {
    match limit {
        Some(limit) if change > 0 && u64::try_from(used).is_ok_and(|used| used > limit) => {
            let text = format!("the namespace may have {limit} {} and would have {used}", stock.as_str());
            let kind = match stock {
                Stock::Assets | Stock::Sources => StoreErrorKind::QuotaExceeded,
                // it goes by itself
                Stock::LiveJobs => StoreErrorKind::TooManyJobs,
            };
            Err(StoreError::new(kind, text))
        }
        _ => Ok(()),
    }
}

/// Removes what a tenant has, in steps, when it is deleted.
#[async_trait]
pub trait Purge: Send + Sync + 'static {
    /// Removes at most `most` of what the scope's one tenant has, and gives how many; nothing is left when it is none.
    ///
    /// # Errors
    /// By kind: `ScopeTooWide` unless the scope is one tenant, `Unavailable`, `Conflict`, `Internal`.
    async fn purge(&self, scope: &TenantScope, by: &Attribution, most: usize) -> Result<usize, StoreError>;
}
