//! What other crates put into a store's transactions.
//!
//! A store is made with its hooks and calls them inside the transaction of each change, so that the change and what follows from it
//! happen together or not at all. Each hook has an implementation that does nothing, which has to be chosen by name.

use std::future::Future;

use serde_json::{Value, json};

use super::{SourceKey, StoreError};
use crate::{
    name::{Namespace, PluginName, SourceId},
    source::{RefreshFigures, Source, redact},
};

/// One change, as a store tells it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Change<'a> {
    /// The tenant.
    pub namespace: &'a Namespace,
    /// The plugin.
    pub plugin: &'a PluginName,
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
    pub(super) fn of_source(before: Option<&Source>, after: &'a Source) -> Self {
        Self {
            namespace: &after.namespace,
            plugin: &after.plugin,
            subject: Subject::Source(&after.spec.id),
            old_revision: before.map(|before| before.revision),
            new_revision: Some(after.revision),
            old_value: before.map(shown),
            new_value: Some(shown(after)),
        }
    }

    /// Of a source that was removed.
    pub(super) fn of_removed_source(before: &'a Source) -> Self {
        Self {
            old_revision: Some(before.revision),
            new_revision: None,
            old_value: Some(shown(before)),
            new_value: None,
            ..Self::of_source(None, before)
        }
    }

    /// Of the assets of a source that were replaced.
    pub(super) fn of_assets(
        namespace: &'a Namespace,
        source: &'a SourceKey,
        figures: RefreshFigures,
    ) -> Self {
        Self {
            namespace,
            plugin: &source.plugin,
            subject: Subject::Assets(&source.id),
            old_revision: None,
            new_revision: None,
            old_value: None,
            new_value: Some(json!(figures)),
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
    /// Checks, in the transaction, that the lease still holds.
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
