use std::{
    collections::HashMap,
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use catalog_core::clock::Timestamp;

use super::TokenKey;

/// A bounded map whose entries have an end: when the young generation is full, the old one goes, and what was asked for since then
/// is young again.
pub(super) struct Generations<V> {
    shards: [Mutex<Shard<V>>; SHARDS],
    /// Of a generation of a shard.
    capacity: usize,
    longest: Duration,
}

struct Shard<V> {
    young: HashMap<TokenKey, Entry<V>>,
    old: HashMap<TokenKey, Entry<V>>,
}

#[derive(Clone)]
struct Entry<V> {
    value: V,
    until: Timestamp,
}

const SHARDS: usize = 16;

impl<V: Clone> Generations<V> {
    /// With room for `max` entries, each of which counts for `longest` at most.
    pub(super) fn new(max: usize, longest: Duration) -> Self {
        let shards =
            std::array::from_fn(|_| Mutex::new(Shard { young: HashMap::new(), old: HashMap::new() }));
        Self { shards, capacity: (max / SHARDS / 2).max(1), longest }
    }

    pub(super) fn get(&self, key: TokenKey, now: Timestamp) -> Option<V> {
        // an end further away than any can be was set before the clock was set back
        let counts =
            |entry: &Entry<V>| entry.until > now && entry.until.saturating_since(now) <= self.longest;
        let mut shard = self.shard(key)?;
        if let Some(entry) = shard.young.get(&key) {
            return counts(entry).then(|| entry.value.clone());
        }
        let entry = shard.old.remove(&key).filter(counts)?;
        let value = entry.value.clone();
        shard.insert(key, entry, self.capacity);
        Some(value)
    }

    pub(super) fn insert(&self, key: TokenKey, value: V, until: Timestamp) {
        if let Some(mut shard) = self.shard(key) {
            shard.insert(key, Entry { value, until }, self.capacity);
        }
    }

    pub(super) fn clear(&self) {
        for shard in &self.shards {
            let mut shard = lock(shard);
            shard.young.clear();
            shard.old.clear();
        }
    }

    pub(super) fn len(&self) -> usize {
        let len = |shard: &Shard<V>| shard.young.len() + shard.old.len();
        self.shards.iter().map(|shard| len(&lock(shard))).sum()
    }

    fn shard(&self, key: TokenKey) -> Option<MutexGuard<'_, Shard<V>>> {
        let [first, ..] = key;
        self.shards.get(usize::from(first) % SHARDS).map(lock)
    }
}

impl<V> Shard<V> {
    fn insert(&mut self, key: TokenKey, entry: Entry<V>, capacity: usize) {
        if self.young.len() >= capacity && !self.young.contains_key(&key) {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(key, entry);
    }
}

fn lock<V>(shard: &Mutex<Shard<V>>) -> MutexGuard<'_, Shard<V>> {
    // a map is whole at every point at which a panic could come
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
