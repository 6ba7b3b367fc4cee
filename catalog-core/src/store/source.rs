use std::future::Future;

use super::{Attribution, StoreError, StoreErrorKind};
use crate::{
    name::{PluginName, SourceId},
    page::PageSize,
    source::{Source, SourceSpec, SourceStatus},
    tenant::TenantScope,
};

/// Which source of a tenant.
#[derive(Clone, Debug, Eq, PartialEq, Hash)]
pub struct SourceKey {
    /// The plugin.
    pub plugin: PluginName,
    /// The source.
    pub id: SourceId,
}

/// What a list of sources is asked for.
#[derive(Clone, Debug)]
pub struct SourceQuery {
    /// Of which plugin; of all where none is named.
    pub plugin: Option<PluginName>,
    /// Just after the source at that place in the order `(namespace, plugin, id)`.
    pub after: Option<(String, String, String)>,
    /// At most so many.
    pub size: PageSize,
}

/// What a source must be for a change to be made.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct IfTag(Option<Vec<String>>);

impl IfTag {
    /// Whatever it is.
    pub const ANY: Self = Self(None);

    /// Of one of those [tags](Source::tag).
    pub fn of(tags: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self(Some(tags.into_iter().map(Into::into).collect()))
    }

    /// # Errors
    /// [`Stale`](StoreErrorKind::Stale) if it is something else.
    pub fn check(&self, source: &Source) -> Result<(), StoreError> {
        match &self.0 {
            Some(tags) if !tags.contains(&source.tag()) => Err(StoreErrorKind::Stale.into()),
            _ => Ok(()),
        }
    }
}

/// Keeps sources.
pub trait SourceStore: Send + Sync + 'static {
    /// Lists the sources within the scope, by namespace, plugin and id; one more than asked for, if there are more.
    ///
    /// # Errors
    /// By kind: `Unavailable`, `Corrupt`, `Internal`.
    fn list(
        &self,
        scope: &TenantScope,
        query: &SourceQuery,
    ) -> impl Future<Output = Result<Vec<Source>, StoreError>> + Send;

    /// Finds one source within the scope; none also if several tenants of the scope have it.
    ///
    /// # Errors
    /// By kind: `Unavailable`, `Corrupt`, `Internal`.
    fn find(
        &self,
        scope: &TenantScope,
        key: &SourceKey,
    ) -> impl Future<Output = Result<Option<Source>, StoreError>> + Send;

    /// Makes the source be as the spec says, new or changed. A spec that is stored already is not written again.
    ///
    /// # Errors
    /// By kind: `ScopeTooWide` unless the scope is one tenant, `Unavailable`, `Conflict`, `Internal`. Nothing was changed then.
    fn apply(
        &self,
        scope: &TenantScope,
        by: &Attribution,
        plugin: &PluginName,
        spec: &SourceSpec,
    ) -> impl Future<Output = Result<Source, StoreError>> + Send;

    /// Changes the spec of a source that is there, all but its id, and gives what it has become; none if there is none.
    ///
    /// # Errors
    /// By kind: `ScopeTooWide` unless the scope is one tenant, `Stale` if the source is not what `expected` says, `Unavailable`,
    /// `Conflict`, `Internal`. Nothing was changed then.
    fn change(
        &self,
        scope: &TenantScope,
        by: &Attribution,
        key: &SourceKey,
        expected: &IfTag,
        change: impl FnOnce(&mut SourceSpec) + Send,
    ) -> impl Future<Output = Result<Option<Source>, StoreError>> + Send;

    /// Removes a source, and tells whether there was one. Its assets are not touched: they are removed first, by an empty replacement.
    ///
    /// # Errors
    /// By kind: `ScopeTooWide` unless the scope is one tenant, `Stale` if the source is not what `expected` says, `Unavailable`,
    /// `Internal`. Nothing was changed then.
    fn remove(
        &self,
        scope: &TenantScope,
        by: &Attribution,
        key: &SourceKey,
        expected: &IfTag,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Notes how a source does. A source that is gone is no error.
    ///
    /// # Errors
    /// By kind: `ScopeTooWide` unless the scope is one tenant, `Unavailable`, `Internal`.
    fn note_status(
        &self,
        scope: &TenantScope,
        key: &SourceKey,
        status: &SourceStatus,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}
