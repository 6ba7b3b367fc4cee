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
    store::{MemoryTransaction, StoreError, StoreErrorKind},
    tenant::{ScopeView, TenantScope},
};
use uuid::Uuid;

use super::{AppendWithin, AuditQuery, AuditStore, Cursor, IntentStore, Place, Stored, Swept};
use crate::{
    event::Record,
    seal::{Block, Head},
};

/// Events in memory: for examples, and for tests that want no database. Cheap to clone.
///
/// It is bounded by the bytes that its events and intents take, 256 MiB unless [another bound](Self::with_capacity) is given. When it
/// is full it takes no more, as a disk that is full: what cannot be recorded is `Unavailable`, and nothing is forgotten for it. Events
/// that wait for their transaction count once that is committed, so as many more may come in as changes are under way at that moment.
/// [Retention](crate::Retention) makes room.
#[derive(Clone, Debug)]
pub struct MemoryAuditStore {
    state: Arc<Mutex<State>>,
    capacity: usize,
}

/// In bytes.
const CAPACITY: usize = 256 * 1024 * 1024;

impl Default for MemoryAuditStore {
    fn default() -> Self {
        Self { state: Arc::default(), capacity: CAPACITY }
    }
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
    /// What events and intents take, about.
    pub(super) bytes: usize,
}

impl MemoryAuditStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes so many bytes at most.
    #[must_use]
    pub fn with_capacity(mut self, bytes: usize) -> Self {
        self.capacity = bytes;
        self
    }

    /// The state, if so many records more have a place in it.
    fn lock_for(&self, records: &[Record]) -> Result<MutexGuard<'_, State>, StoreError> {
        let state = self.lock();
        let more = records.iter().map(Record::size).sum();
        if state.bytes.saturating_add(more) > self.capacity {
            return Err(StoreError::new(StoreErrorKind::Unavailable, "the memory for audit events is full"));
        }
        Ok(state)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    pub(super) fn add(&mut self, record: Record) {
        if !self.by_id.contains_key(&record.id) {
            self.taken += 1;
            self.bytes += record.size();
            self.by_id.insert(record.id, self.taken);
            self.events.insert(self.taken, Arc::new(record));
        }
    }

    /// Takes an event out.
    pub(super) fn take(&mut self, id: Uuid) {
        if let Some(record) = self.by_id.remove(&id).and_then(|position| self.events.remove(&position)) {
            self.bytes = self.bytes.saturating_sub(record.size());
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
        let mut state = self.lock_for(records)?;
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
        let mut state = self.lock_for(records)?;
        for record in records {
            state.bytes += record.size();
            if let Some(before) = state.intents.insert(record.id, record.clone()) {
                state.bytes -= before.size();
            }
        }
        Ok(())
    }

    async fn sweep(&self, before: Timestamp, most: usize) -> Result<Swept, StoreError> {
        let mut state = self.lock();
        let old = state.intents.values().filter(|intent| intent.time_ms < before.unix_ms());
        let old: Vec<Record> = old.take(most).cloned().collect();
        let mut swept = Swept { intents: old.len(), orphans: 0 };
        for intent in old {
            state.intents.remove(&intent.id);
            state.bytes = state.bytes.saturating_sub(intent.size());
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
        let added = !self.lock_for(std::slice::from_ref(&record))?.by_id.contains_key(&record.id);
        let store = self.clone();
        transaction.defer(move || store.lock().add(record));
        Ok(added)
    }
}
