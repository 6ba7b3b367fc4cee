use std::{
    collections::{BTreeMap, HashMap},
    future::Future,
};

use uuid::Uuid;

use super::{Attribution, Changes, Documents, FieldOptions, SourceKey, StoreError, hook::Fence};
use crate::{
    asset::{AssetDraft, AssetKey, AssetRecord, CollectionKey, FieldRef},
    clock::Timestamp,
    filter::Filter,
    name::{KindName, Namespace, PluginName, SourceId},
    order::OrderBy,
    page::{PageSize, Position},
    source::RefreshFigures,
    tenant::TenantScope,
};

/// What a list is asked for.
#[derive(Clone, Debug)]
pub struct AssetQuery {
    /// Which plugin's list.
    pub collection: CollectionKey,
    /// Only assets that match.
    pub filter: Option<Filter>,
    /// Only assets that each of these [words](crate::search::words) finds.
    pub words: Vec<String>,
    /// Only those of that source.
    pub source: Option<SourceId>,
    /// In that order.
    pub order: OrderBy,
    /// Just after that position.
    pub after: Option<Position>,
    /// At most so many.
    pub size: PageSize,
    /// Count all that match, too.
    pub count: bool,
}

impl AssetQuery {
    /// The first page of a whole list, by name.
    pub fn new(collection: CollectionKey) -> Self {
        Self {
            collection,
            filter: None,
            words: Vec::new(),
            source: None,
            order: OrderBy::default(),
            after: None,
            size: PageSize::DEFAULT,
            count: false,
        }
    }
}

/// One page of a list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AssetPage {
    /// The assets' JSON documents.
    pub documents: Documents,
    /// Where the next page begins after; none on the last.
    pub next: Option<Position>,
    /// How many match in all, where that was asked for.
    pub total: Option<u64>,
}

/// What a look-up by name found.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// Nothing within the scope.
    Nothing,
    /// One asset.
    One {
        /// Its id.
        id: Uuid,
        /// Its revision.
        revision: i64,
        /// Its JSON document.
        document: String,
        /// Its artifacts, a JSON list.
        artifacts: String,
    },
    /// Several sources use the name; those are they.
    Ambiguous(Vec<SourceId>),
}

impl AssetPage {
    /// The first `query.size` of `documents`, of which there is one more where there is a next page.
    ///
    /// # Errors
    /// `Corrupt` if the last document does not say where it stands.
    pub fn of(mut documents: Documents, query: &AssetQuery, total: Option<u64>) -> Result<Self, StoreError> {
        if documents.len() <= query.size.get() {
            return Ok(Self { documents, next: None, total });
        }
        documents.pop();
        let next = documents.last().map(|last| query.position_of(last)).transpose()?;
        Ok(Self { documents, next, total })
    }
}

/// Keeps assets.
pub trait AssetStore: Send + Sync + 'static {
    /// The transaction that changes run in.
    type Transaction: Send;

    /// Lists one page of the assets within the scope.
    ///
    /// Shape: documents in the order asked for, absent values first when ascending, then by id. Rows that come or go between two
    /// pages do not make another row appear twice or not at all.
    ///
    /// # Errors
    /// By kind: `Unavailable`, `Corrupt`, `Internal`.
    fn list(
        &self,
        scope: &TenantScope,
        query: &AssetQuery,
    ) -> impl Future<Output = Result<AssetPage, StoreError>> + Send;

    /// Finds one asset by name, within the scope.
    ///
    /// # Errors
    /// By kind: `Unavailable`, `Corrupt`, `Internal`.
    fn find(
        &self,
        scope: &TenantScope,
        collection: &CollectionKey,
        key: &AssetKey,
    ) -> impl Future<Output = Result<Found, StoreError>> + Send;

    /// Makes `drafts` the whole content of a source, of all kinds, as one set difference in one transaction: readers see what was
    /// before or what is after. Rows that are as before are not written and keep their revision. Of several drafts of one kind and
    /// name the last counts.
    ///
    /// # Errors
    /// By kind: `ScopeTooWide` unless the scope is one tenant, `Fenced` when the fence does not hold, `Unavailable`, `Conflict`,
    /// `Internal`. Nothing was changed then.
    fn replace<F: Fence<Self::Transaction>>(
        &self,
        scope: &TenantScope,
        by: &Attribution,
        source: &SourceKey,
        drafts: Vec<(KindName, Vec<AssetDraft>)>,
        fence: &F,
    ) -> impl Future<Output = Result<RefreshFigures, StoreError>> + Send;

    /// What values each of `fields` has among the assets of a list, within the scope; in the order of `fields`.
    ///
    /// # Errors
    /// By kind: `Unavailable`, `Corrupt`, `Internal`.
    fn options(
        &self,
        scope: &TenantScope,
        collection: &CollectionKey,
        fields: &[FieldRef],
    ) -> impl Future<Output = Result<Vec<FieldOptions>, StoreError>> + Send;

    /// A number that is another one whenever what the plugin lists for the tenant has changed; none for a scope of several tenants.
    /// What was read after it was asked for is at least as new as it.
    ///
    /// # Errors
    /// By kind: `Unavailable`, `Internal`.
    fn generation(
        &self,
        scope: &TenantScope,
        plugin: &PluginName,
    ) -> impl Future<Output = Result<Option<i64>, StoreError>> + Send;

    /// Where the store tells its changes.
    fn changes(&self) -> &Changes;
}

/// What a refresh needs to know of a row that is there.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) id: Uuid,
    pub(super) revision: i64,
    pub(super) create_time: Timestamp,
    pub(super) digest: Vec<u8>,
}

/// What a refresh will do: the difference between what is there and what should be.
pub(super) struct Replacement {
    pub(super) written: Vec<AssetRecord>,
    pub(super) removed: Vec<Uuid>,
    pub(super) figures: RefreshFigures,
}

impl Replacement {
    /// Compares what is `known`, by kind and name, with `drafts`.
    pub(super) fn plan(
        mut known: HashMap<(String, String), Known>,
        drafts: Vec<(KindName, Vec<AssetDraft>)>,
        namespace: &Namespace,
        source: &SourceKey,
        now: Timestamp,
    ) -> Self {
        let mut figures = RefreshFigures::default();
        let mut written = Vec::new();
        let each = |(kind, drafts): (KindName, Vec<AssetDraft>)| {
            drafts.into_iter().map(move |draft| ((kind.clone(), draft.name.clone()), draft))
        };
        let drafts: BTreeMap<_, _> = drafts.into_iter().flat_map(each).collect();
        for ((kind, name), draft) in drafts {
            let before = known.remove(&(String::from(kind.clone()), String::from(name)));
            match &before {
                Some(before) if before.digest == draft.digest() => {
                    figures.unchanged += 1;
                    continue;
                }
                Some(_) => figures.updated += 1,
                None => figures.loaded += 1,
            }
            written.push(AssetRecord {
                id: before.as_ref().map_or_else(|| new_id(now), |before| before.id),
                namespace: namespace.clone(),
                collection: CollectionKey { plugin: source.plugin.clone(), kind },
                source: source.id.clone(),
                revision: before.as_ref().map_or(1, |before| before.revision + 1),
                create_time: draft.create_time.or(before.map(|before| before.create_time)).unwrap_or(now),
                last_update_time: draft.last_update_time.unwrap_or(now),
                draft,
            });
        }
        let removed: Vec<Uuid> = known.into_values().map(|known| known.id).collect();
        figures.removed = removed.len() as u64;
        Self { written, removed, figures }
    }

    pub(super) fn changes_something(&self) -> bool {
        !self.written.is_empty() || !self.removed.is_empty()
    }
}

/// A fresh id: UUIDv7 of that time.
fn new_id(now: Timestamp) -> Uuid {
    let ms = u64::try_from(now.unix_ms()).unwrap_or(0);
    let nanos = u32::try_from(ms % 1_000).unwrap_or(0) * 1_000_000;
    Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, ms / 1_000, nanos))
}
