mod chain;
mod outbox;
mod retention;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use catalog_core::{
    clock::Timestamp,
    name::Namespace,
    store::{MemoryTransaction, StoreError},
    tenant::{ScopeView, TenantScope},
};
use uuid::Uuid;

use super::{AppendWithin, AuditQuery, AuditStore, Cursor, IntentStore, Place, Stored, Swept};
use crate::{
    event::Record,
    seal::{Block, Head},
};

/// Events in memory: for examples, and for tests that want no database. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct MemoryAuditStore {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// By position: the order in which they came.
    pub(super) events: BTreeMap<i64, Arc<Record>>,
    pub(super) by_id: BTreeMap<Uuid, i64>,
    /// The last position that was taken.
    pub(super) taken: i64,
    pub(super) chain: BTreeMap<(String, i64), (Uuid, Place)>,
    pub(super) blocks: BTreeMap<(String, i64), Block>,
    pub(super) heads: HashMap<String, Head>,
    /// The last position that is sealed.
    pub(super) sealed: i64,
    pub(super) cursors: BTreeMap<String, Cursor>,
    pub(super) intents: BTreeMap<Uuid, Record>,
    pub(super) places: HashMap<Uuid, (String, i64)>,
}

impl MemoryAuditStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    pub(super) fn add(&mut self, record: Record) {
        if !self.by_id.contains_key(&record.id) {
            self.taken += 1;
            self.by_id.insert(record.id, self.taken);
            self.events.insert(self.taken, Arc::new(record));
        }
    }

    pub(super) fn record(&self, id: Uuid) -> Option<&Arc<Record>> {
        self.events.get(self.by_id.get(&id)?)
    }

    pub(super) fn stored(&self, id: Uuid) -> Option<Stored> {
        let record = Record::clone(self.record(id)?);
        let place = self.places.get(&id).and_then(|key| self.chain.get(key)).map(|(_, place)| place.clone());
        Some(Stored { record, place })
    }
}

/// Whether the scope covers what is that tenant's; an empty name is nobody's.
fn covers(scope: &TenantScope, namespace: &str) -> bool {
    matches!(scope.view(), ScopeView::All) || Namespace::new(namespace).is_ok_and(|name| scope.covers(&name))
}

impl AuditStore for MemoryAuditStore {
    async fn append(&self, records: &[Record]) -> Result<(), StoreError> {
        let mut state = self.lock();
        for record in records {
            state.add(record.clone());
        }
        Ok(())
    }

    async fn list(&self, scope: &TenantScope, query: &AuditQuery) -> Result<Vec<Stored>, StoreError> {
        let state = self.lock();
        let asked = |stored: &Stored| {
            let record = &stored.record;
            covers(scope, &record.namespace)
                && query.after.is_none_or(|after| record.id < after)
                && query.matches(record)
        };
        let newest_first = state.by_id.keys().rev().filter_map(|id| state.stored(*id));
        Ok(newest_first.filter(asked).take(query.size.get() + 1).collect())
    }

    async fn walk(
        &self,
        scope: &TenantScope,
        query: &AuditQuery,
        after: &(String, i64),
    ) -> Result<Vec<Stored>, StoreError> {
        let state = self.lock();
        let after = (std::ops::Bound::Excluded(after.clone()), std::ops::Bound::Unbounded);
        let in_order = state.chain.range(after).filter(|((namespace, _), _)| covers(scope, namespace));
        let stored = in_order.filter_map(|(_, (id, _))| state.stored(*id));
        Ok(stored.filter(|stored| query.matches(&stored.record)).take(query.size.get()).collect())
    }

    async fn find(&self, scope: &TenantScope, id: Uuid) -> Result<Option<Stored>, StoreError> {
        Ok(self.lock().stored(id).filter(|stored| covers(scope, &stored.record.namespace)))
    }
}

impl IntentStore for MemoryAuditStore {
    async fn intend(&self, records: &[Record]) -> Result<(), StoreError> {
        let mut state = self.lock();
        state.intents.extend(records.iter().map(|record| (record.id, record.clone())));
        Ok(())
    }

    async fn sweep(&self, before: Timestamp, most: usize) -> Result<Swept, StoreError> {
        let mut state = self.lock();
        let old = state.intents.values().filter(|intent| intent.time_ms < before.unix_ms());
        let old: Vec<Record> = old.take(most).cloned().collect();
        let mut swept = Swept { intents: old.len(), orphans: 0 };
        for intent in old {
            state.intents.remove(&intent.id);
            if !state.by_id.contains_key(&intent.id) {
                swept.orphans += 1;
                state.add(intent);
            }
        }
        Ok(swept)
    }
}

impl AppendWithin<MemoryTransaction> for MemoryAuditStore {
    async fn append_within(
        &self,
        transaction: &mut MemoryTransaction,
        record: Record,
    ) -> Result<bool, StoreError> {
        let added = !self.lock().by_id.contains_key(&record.id);
        let store = self.clone();
        transaction.defer(move || store.lock().add(record));
        Ok(added)
    }
}
