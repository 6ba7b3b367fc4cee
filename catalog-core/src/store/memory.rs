//! Stores in memory: for examples, and for tests that want no database.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicI64, Ordering},
    },
};

use async_trait::async_trait;
use serde_json::json;
use uuid::Uuid;

use super::{
    AssetPage, AssetQuery, AssetStore, Attribution, Changed, Changes, FieldOptions, Found, IfTag,
    OptionValues, SourceKey, SourceQuery, SourceStore, StoreError, StoreErrorKind,
    asset::{Known, Replacement},
    hook::{Admission, Change, Enqueue, Fence, JobRequest, Purge, Recorder, Stock, Unlimited, check_quota},
};
use crate::{
    asset::{AssetDraft, AssetKey, AssetRecord, CollectionKey, FieldRef},
    clock::{Clock, SystemClock},
    name::{KindName, Namespace, PluginName, SourceId},
    order::{Direction, OrderKey, SortKey},
    page::Position,
    source::{RefreshFigures, Source, SourceSpec, SourceStatus},
    tenant::TenantScope,
};

/// What a change to a store in memory runs in. The change is made after the hooks have agreed, and what they put here happens with it
/// or not at all.
#[derive(Default)]
pub struct MemoryTransaction {
    deferred: Vec<Box<dyn FnOnce() + Send>>,
}

impl MemoryTransaction {
    /// Does that when the change is made. It must not wait.
    pub fn defer(&mut self, work: impl FnOnce() + Send + 'static) {
        self.deferred.push(Box::new(work));
    }

    /// Makes it so.
    pub fn commit(self) {
        for work in self.deferred {
            work();
        }
    }
}

impl fmt::Debug for MemoryTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryTransaction({} deferred)", self.deferred.len())
    }
}

type Assets = BTreeMap<Uuid, Arc<AssetRecord>>;
type Sources = BTreeMap<(Namespace, PluginName, SourceId), Source>;

/// Assets in memory, each list a walk over all of them.
#[derive(Clone, Debug)]
pub struct MemoryAssetStore<R> {
    assets: Arc<RwLock<Arc<Assets>>>,
    generation: Arc<AtomicI64>,
    changes: Changes,
    recorder: Arc<R>,
    clock: Arc<dyn Clock>,
    admission: Arc<dyn Admission<MemoryTransaction>>,
}

impl<R> MemoryAssetStore<R> {
    /// An empty store.
    pub fn new(recorder: R) -> Self {
        Self {
            assets: Arc::default(),
            generation: Arc::default(),
            changes: Changes::default(),
            recorder: Arc::new(recorder),
            clock: Arc::new(SystemClock),
            admission: Arc::new(Unlimited),
        }
    }

    /// With what says who may change anything, and how much a tenant may keep.
    #[must_use]
    pub fn with_admission(mut self, admission: Arc<dyn Admission<MemoryTransaction>>) -> Self {
        self.admission = admission;
        self
    }

    /// With another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Puts `after` in the place of `before`, if that is what is there.
    fn put(
        &self,
        before: &Arc<Assets>,
        after: Assets,
        transaction: MemoryTransaction,
    ) -> Result<(), StoreError> {
        let mut assets = self.assets.write().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&assets, before) {
            return Err(StoreErrorKind::Conflict.into());
        }
        *assets = Arc::new(after);
        transaction.commit();
        self.generation.fetch_add(1, Ordering::Release);
        Ok(())
    }

    fn snapshot(&self) -> Arc<Assets> {
        Arc::clone(&self.assets.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<R: Recorder<MemoryTransaction>> AssetStore for MemoryAssetStore<R> {
    type Transaction = MemoryTransaction;

    async fn list(&self, scope: &TenantScope, query: &AssetQuery) -> Result<AssetPage, StoreError> {
        let assets = self.snapshot();
        let mut rows: Vec<(Position, &AssetRecord)> = assets
            .values()
            .filter(|asset| scope.covers(&asset.namespace) && asset.collection == query.collection)
            .filter(|asset| query.source.as_ref().is_none_or(|source| *source == asset.source))
            .filter(|asset| asset.draft.search.matches(&query.words))
            .filter(|asset| query.filter.as_ref().is_none_or(|filter| filter.matches(asset.as_ref())))
            .map(|asset| (position(asset, query), asset.as_ref()))
            .collect();
        let total = query.count.then_some(rows.len() as u64);
        // finite numbers and keys of one type always compare
        rows.sort_by(|a, b| a.0.partial_cmp(&b.0).unwrap_or(std::cmp::Ordering::Equal));
        if query.order.direction() == Direction::Descending {
            rows.reverse();
        }
        if let Some(after) = &query.after {
            rows.retain(|(position, _)| match query.order.direction() {
                Direction::Ascending => position > after,
                Direction::Descending => position < after,
            });
        }
        rows.truncate(query.size.get() + 1);
        AssetPage::of(rows.iter().map(|(_, asset)| asset.document()).collect(), query, total)
    }

    async fn find(
        &self,
        scope: &TenantScope,
        collection: &CollectionKey,
        key: &AssetKey,
    ) -> Result<Found, StoreError> {
        let assets = self.snapshot();
        let mut found: Vec<&AssetRecord> = assets
            .values()
            .map(AsRef::as_ref)
            .filter(|asset| {
                scope.covers(&asset.namespace)
                    && asset.collection == *collection
                    && asset.draft.name == key.name
            })
            .filter(|asset| key.source.as_ref().is_none_or(|source| *source == asset.source))
            .collect();
        match found.as_mut_slice() {
            [] => Ok(Found::Nothing),
            [asset] => Ok(Found::One {
                id: asset.id,
                revision: asset.revision,
                document: asset.document(),
                artifacts: json!(asset.draft.artifacts).to_string(),
            }),
            several => {
                several.sort_by(|a, b| a.source.cmp(&b.source));
                Ok(Found::Ambiguous(several.iter().map(|asset| asset.source.clone()).collect()))
            }
        }
    }

    async fn replace<F: Fence<MemoryTransaction>>(
        &self,
        scope: &TenantScope,
        by: &Attribution,
        source: &SourceKey,
        drafts: Vec<(KindName, Vec<AssetDraft>)>,
        fence: &F,
    ) -> Result<RefreshFigures, StoreError> {
        let namespace = scope.single().ok_or(StoreErrorKind::ScopeTooWide)?;
        let mut transaction = MemoryTransaction::default();
        fence.check(&mut transaction).await?;
        self.admission.admit(&mut transaction, namespace).await?;
        let before = self.snapshot();
        let known: HashMap<(String, String), Known> = before
            .values()
            .filter(|asset| {
                asset.namespace == *namespace
                    && asset.collection.plugin == source.plugin
                    && asset.source == source.id
            })
            .map(|asset| ((asset.collection.kind.to_string(), asset.draft.name.to_string()), known(asset)))
            .collect();
        let replacement = Replacement::plan(known, drafts, namespace, source, self.clock.now());
        let changes_something = replacement.changes_something();
        if changes_something {
            let change = Change::of_assets(by, namespace, source, replacement.figures);
            self.recorder.record(&mut transaction, &change).await?;
        }
        let mut after = Assets::clone(&before);
        for id in &replacement.removed {
            after.remove(id);
        }
        let kept = before.values().filter(|asset| asset.namespace == *namespace).count() as u64;
        let (stock, growth) = (Stock::Assets, replacement.figures.growth());
        check_quota(stock, signed(kept) + growth, growth, self.admission.limit(namespace, stock))?;
        after.extend(replacement.written.into_iter().map(|record| (record.id, Arc::new(record))));
        if changes_something {
            self.put(&before, after, transaction)?;
            self.changes.tell(&Changed::Assets { namespace, plugin: &source.plugin });
        }
        Ok(replacement.figures)
    }

    async fn options(
        &self,
        scope: &TenantScope,
        collection: &CollectionKey,
        fields: &[FieldRef],
    ) -> Result<Vec<FieldOptions>, StoreError> {
        let assets = self.snapshot();
        let listed: Vec<&AssetRecord> = assets
            .values()
            .map(AsRef::as_ref)
            .filter(|asset| scope.covers(&asset.namespace) && asset.collection == *collection)
            .collect();
        let options = |field: &FieldRef| {
            let values = listed.iter().filter_map(|asset| asset.attribute(field));
            FieldOptions { field: field.clone(), values: OptionValues::among(values) }
        };
        Ok(fields.iter().map(options).collect())
    }

    async fn generation(&self, scope: &TenantScope, _: &PluginName) -> Result<Option<i64>, StoreError> {
        Ok(scope.single().map(|_| self.generation.load(Ordering::Acquire)))
    }

    fn changes(&self) -> &Changes {
        &self.changes
    }
}

#[async_trait]
impl<R: Recorder<MemoryTransaction>> Purge for MemoryAssetStore<R> {
    async fn purge(&self, scope: &TenantScope, by: &Attribution, most: usize) -> Result<usize, StoreError> {
        let namespace = scope.single().ok_or(StoreErrorKind::ScopeTooWide)?;
        let before = self.snapshot();
        let of_tenant = || before.values().filter(|asset| asset.namespace == *namespace);
        let Some(first) = of_tenant().next() else { return Ok(0) };
        let source = SourceKey { plugin: first.collection.plugin.clone(), id: first.source.clone() };
        let of_source = of_tenant()
            .filter(|asset| asset.collection.plugin == source.plugin && asset.source == source.id)
            .take(most);
        let mut after = Assets::clone(&before);
        let removed = of_source.filter(|asset| after.remove(&asset.id).is_some()).count();
        let figures = RefreshFigures { removed: removed as u64, ..RefreshFigures::default() };
        let change = Change::of_assets(by, namespace, &source, figures);
        let mut transaction = MemoryTransaction::default();
        self.recorder.record(&mut transaction, &change).await?;
        self.put(&before, after, transaction)?;
        self.changes.tell(&Changed::Assets { namespace, plugin: &source.plugin });
        Ok(removed)
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn position(asset: &AssetRecord, query: &AssetQuery) -> Position {
    let name = asset.draft.name.as_str();
    let key = match query.order.key() {
        OrderKey::Field(field) => SortKey::of(field.field_type(), asset.attribute(field)),
        OrderKey::Relevance => SortKey::of_relevance(asset.draft.search.is_called(&query.words), name),
    };
    let name = if query.order.key().then_by_name() { name.to_owned() } else { String::new() };
    Position { key, name, id: asset.id }
}

fn known(asset: &AssetRecord) -> Known {
    Known {
        id: asset.id,
        revision: asset.revision,
        create_time: asset.create_time,
        digest: asset.draft.digest().to_vec(),
    }
}

/// Sources in memory.
#[derive(Clone, Debug)]
pub struct MemorySourceStore<R, Q> {
    sources: Arc<RwLock<Sources>>,
    recorder: Arc<R>,
    queue: Arc<Q>,
    clock: Arc<dyn Clock>,
    admission: Arc<dyn Admission<MemoryTransaction>>,
}

impl<R, Q> MemorySourceStore<R, Q> {
    /// An empty store.
    pub fn new(recorder: R, queue: Q) -> Self {
        Self {
            sources: Arc::default(),
            recorder: Arc::new(recorder),
            queue: Arc::new(queue),
            clock: Arc::new(SystemClock),
            admission: Arc::new(Unlimited),
        }
    }

    /// With what says who may change anything, and how much a tenant may keep.
    #[must_use]
    pub fn with_admission(mut self, admission: Arc<dyn Admission<MemoryTransaction>>) -> Self {
        self.admission = admission;
        self
    }

    fn read<T>(&self, read: impl FnOnce(&Sources) -> T) -> T {
        read(&self.sources.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, write: impl FnOnce(&mut Sources) -> T) -> T {
        write(&mut self.sources.write().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<R: Recorder<MemoryTransaction>, Q: Enqueue<MemoryTransaction>> SourceStore for MemorySourceStore<R, Q> {
    async fn list(&self, scope: &TenantScope, query: &SourceQuery) -> Result<Vec<Source>, StoreError> {
        let after = query.after.as_ref().map(|(n, p, i)| (n.as_str(), p.as_str(), i.as_str()));
        let wanted = |(namespace, plugin, id): &(Namespace, PluginName, SourceId)| {
            scope.covers(namespace)
                && query.plugin.as_ref().is_none_or(|wanted| wanted == plugin)
                && after.is_none_or(|after| (namespace.as_str(), plugin.as_str(), id.as_str()) > after)
        };
        Ok(self.read(|sources| {
            let found = sources.iter().filter(|(key, _)| wanted(key)).map(|(_, source)| source.clone());
            found.take(query.size.get() + 1).collect()
        }))
    }

    async fn find(&self, scope: &TenantScope, key: &SourceKey) -> Result<Option<Source>, StoreError> {
        Ok(self.read(|sources| {
            let mut found = sources.values().filter(|source| {
                scope.covers(&source.namespace) && source.plugin == key.plugin && source.spec.id == key.id
            });
            found.next().filter(|_| found.next().is_none()).cloned()
        }))
    }

    async fn apply(
        &self,
        scope: &TenantScope,
        by: &Attribution,
        plugin: &PluginName,
        spec: &SourceSpec,
    ) -> Result<Source, StoreError> {
        let namespace = scope.single().ok_or(StoreErrorKind::ScopeTooWide)?;
        let key = (namespace.clone(), plugin.clone(), spec.id.clone());
        let before = self.read(|sources| sources.get(&key).cloned());
        if let Some(before) = before.as_ref().filter(|before| before.spec == *spec) {
            return Ok(before.clone());
        }
        let after = Source::applied(before.as_ref(), namespace, plugin, spec, self.clock.now());
        self.put(by, before.as_ref(), after).await
    }

    async fn change(
        &self,
        scope: &TenantScope,
        by: &Attribution,
        key: &SourceKey,
        expected: &IfTag,
        change: impl FnOnce(&mut SourceSpec) + Send,
    ) -> Result<Option<Source>, StoreError> {
        scope.single().ok_or(StoreErrorKind::ScopeTooWide)?;
        let Some(before) = self.find(scope, key).await? else { return Ok(None) };
        expected.check(&before)?;
        let mut spec = before.spec.clone();
        change(&mut spec);
        spec.id.clone_from(&key.id);
        if spec == before.spec {
            return Ok(Some(before));
        }
        let after = Source::applied(Some(&before), &before.namespace, &key.plugin, &spec, self.clock.now());
        self.put(by, Some(&before), after).await.map(Some)
    }

    async fn remove(
        &self,
        scope: &TenantScope,
        by: &Attribution,
        key: &SourceKey,
        expected: &IfTag,
    ) -> Result<bool, StoreError> {
        let namespace = scope.single().ok_or(StoreErrorKind::ScopeTooWide)?;
        let key = (namespace.clone(), key.plugin.clone(), key.id.clone());
        let Some(before) = self.read(|sources| sources.get(&key).cloned()) else { return Ok(false) };
        expected.check(&before)?;
        let mut transaction = MemoryTransaction::default();
        self.recorder.record(&mut transaction, &Change::of_removed_source(by, &before)).await?;
        if before.spec.schedule_in_force().is_some() {
            let (_, plugin, source) = &key;
            let job = JobRequest::Schedule { namespace, plugin, source, schedule: None };
            self.queue.enqueue(&mut transaction, &job).await?;
        }
        self.write(|sources| {
            sources.remove(&key);
            transaction.commit();
        });
        Ok(true)
    }

    async fn note_status(
        &self,
        scope: &TenantScope,
        key: &SourceKey,
        status: &SourceStatus,
    ) -> Result<(), StoreError> {
        let namespace = scope.single().ok_or(StoreErrorKind::ScopeTooWide)?;
        let key = (namespace.clone(), key.plugin.clone(), key.id.clone());
        self.write(|sources| {
            if let Some(source) = sources.get_mut(&key) {
                source.status = status.clone();
            }
        });
        Ok(())
    }
}

impl<R: Recorder<MemoryTransaction>, Q: Enqueue<MemoryTransaction>> MemorySourceStore<R, Q> {
    /// Puts what a source has become in the place of what it was, if that is what is there.
    async fn put(
        &self,
        by: &Attribution,
        before: Option<&Source>,
        after: Source,
    ) -> Result<Source, StoreError> {
        let Source { namespace, plugin, spec, .. } = &after;
        let key = (namespace.clone(), plugin.clone(), spec.id.clone());
        let mut transaction = MemoryTransaction::default();
        self.admission.admit(&mut transaction, namespace).await?;
        self.recorder.record(&mut transaction, &Change::of_source(by, before, &after)).await?;
        if spec.enabled {
            let job = JobRequest::Refresh { namespace, plugin, source: &spec.id };
            self.queue.enqueue(&mut transaction, &job).await?;
        }
        let schedule = spec.schedule_in_force();
        if schedule != before.and_then(|before| before.spec.schedule_in_force()) {
            let job = JobRequest::Schedule { namespace, plugin, source: &spec.id, schedule };
            self.queue.enqueue(&mut transaction, &job).await?;
        }
        self.write(|sources| {
            if sources.get(&key).map(|source| source.revision) != before.map(|before| before.revision) {
                return Err(StoreErrorKind::Conflict.into());
            }
            if before.is_none() {
                let kept = sources.keys().filter(|(of, ..)| *of == key.0).count() as u64 + 1;
                let limit = self.admission.limit(&key.0, Stock::Sources);
                check_quota(Stock::Sources, signed(kept), 1, limit)?;
            }
            sources.insert(key, after.clone());
            transaction.commit();
            Ok(after)
        })
    }
}

#[async_trait]
impl<R: Recorder<MemoryTransaction>, Q: Enqueue<MemoryTransaction>> Purge for MemorySourceStore<R, Q> {
    async fn purge(&self, scope: &TenantScope, by: &Attribution, most: usize) -> Result<usize, StoreError> {
        let namespace = scope.single().ok_or(StoreErrorKind::ScopeTooWide)?;
        let of_tenant = |(of, plugin, id): &(Namespace, PluginName, SourceId)| {
            (of == namespace).then(|| SourceKey { plugin: plugin.clone(), id: id.clone() })
        };
        let keys: Vec<_> = self.read(|sources| sources.keys().filter_map(of_tenant).take(most).collect());
        for key in &keys {
            self.remove(scope, by, key, &IfTag::ANY).await?;
        }
        Ok(keys.len())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;
    use crate::store::hook::Unqueued;

    /// Counts changes, each when it is made.
    #[derive(Debug)]
    struct Counting(Arc<AtomicUsize>);

    impl Recorder<MemoryTransaction> for Counting {
        async fn record(
            &self,
            transaction: &mut MemoryTransaction,
            _: &Change<'_>,
        ) -> Result<(), StoreError> {
            let count = Arc::clone(&self.0);
            transaction.defer(move || {
                count.fetch_add(1, Ordering::SeqCst);
            });
            Ok(())
        }
    }

    /// Lets nobody keep anything.
    #[derive(Debug)]
    struct Full;

    #[async_trait]
    impl Admission<MemoryTransaction> for Full {
        async fn admit(&self, _: &mut MemoryTransaction, _: &Namespace) -> Result<(), StoreError> {
            Ok(())
        }

        fn limit(&self, _: &Namespace, _: Stock) -> Option<u64> {
            Some(0)
        }
    }

    #[tokio::test]
    async fn what_hooks_put_into_a_transaction_happens_with_the_change_or_not_at_all() {
        let count = Arc::new(AtomicUsize::new(0));
        let store = MemorySourceStore::new(Counting(Arc::clone(&count)), Unqueued);
        let (scope, by) = (TenantScope::one("a".parse().unwrap()), Attribution::system("test"));
        let plugin: PluginName = "mcp".parse().unwrap();
        let spec: SourceSpec = serde_json::from_value(json!({"id": "s", "type": "yaml"})).unwrap();
        store.apply(&scope, &by, &plugin, &spec).await.unwrap();
        store.apply(&scope, &by, &plugin, &spec).await.unwrap();
        let key = SourceKey { plugin: plugin.clone(), id: spec.id.clone() };
        store.remove(&scope, &by, &key, &IfTag::ANY).await.unwrap();
        assert_eq!(count.load(Ordering::SeqCst), 2, "what is as before is no change");
        let full = store.with_admission(Arc::new(Full));
        full.apply(&scope, &by, &plugin, &spec).await.unwrap_err();
        assert_eq!(count.load(Ordering::SeqCst), 2);
    }
}
