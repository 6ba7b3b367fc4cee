//! How new what the store holds is, as the caches of this process know it.

use std::{
    hash::{BuildHasher, Hash, RandomState},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use moka::future::Cache;

use crate::{
    name::{Namespace, PluginName},
    store::{AssetStore, Changed, Changes, StoreError},
    tenant::TenantScope,
};

/// The store's generations, each asked for at most once in a while, and anew once the store or another process has told of a change.
#[derive(Clone, Debug)]
pub(super) struct Generations {
    known: Cache<Key, i64>,
    epochs: Arc<Epochs>,
}

/// The tenant, the plugin, and the epoch in which its generation was asked for.
type Key = (Namespace, PluginName, u64);

/// So many generations are known at once.
const CAPACITY: u64 = 100_000;

impl Generations {
    /// Of the store that tells `changes`. What nobody tells of is seen after `max_age`.
    pub(super) fn new(changes: &Changes, max_age: Duration) -> Self {
        let epochs = Arc::new(Epochs::default());
        changes.subscribe({
            let epochs = Arc::clone(&epochs);
            move |changed| epochs.advance(changed)
        });
        Self { known: Cache::builder().max_capacity(CAPACITY).time_to_live(max_age).build(), epochs }
    }

    /// The generation of what the plugin lists for the scope's tenant; none for a scope of several tenants.
    ///
    /// It is asked for in an epoch, and is known for that epoch only: one that was read before a change and would be noted after it
    /// is found by nobody.
    pub(super) async fn current<A: AssetStore>(
        &self,
        assets: &A,
        scope: &TenantScope,
        plugin: &PluginName,
    ) -> Result<Option<i64>, Arc<StoreError>> {
        let Some(namespace) = scope.single() else { return Ok(None) };
        let key = (namespace.clone(), plugin.clone(), self.epochs.of(namespace, plugin));
        let ask = async { assets.generation(scope, plugin).await.map(Option::unwrap_or_default) };
        self.known.try_get_with(key, ask).await.map(Some)
    }
}

/// Numbers that rise with each change that is told, in shards, so that one tenant's changes seldom make another's copies old.
#[derive(Debug)]
struct Epochs {
    shards: [AtomicU64; Self::SHARDS],
    hasher: RandomState,
}

impl Default for Epochs {
    fn default() -> Self {
        Self { shards: [const { AtomicU64::new(0) }; Self::SHARDS], hasher: RandomState::new() }
    }
}

impl Epochs {
    const SHARDS: usize = 1024;

    fn of(&self, namespace: &Namespace, plugin: &PluginName) -> u64 {
        self.shard(namespace, plugin).load(Ordering::Acquire)
    }

    fn advance(&self, changed: &Changed<'_>) {
        match changed {
            Changed::Assets { namespace, plugin } => {
                self.shard(namespace, plugin).fetch_add(1, Ordering::AcqRel);
            }
            // what lists hold has not changed by it
            Changed::Namespace { .. } | Changed::Policy => {}
            Changed::Unknown => {
                for shard in &self.shards {
                    shard.fetch_add(1, Ordering::AcqRel);
                }
            }
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "any bits of a hash do")]
    #[expect(clippy::indexing_slicing, reason = "the remainder is within the array")]
    fn shard(&self, namespace: &Namespace, plugin: &PluginName) -> &AtomicU64 {
        &self.shards[self.hasher.hash_one(Pair(namespace, plugin)) as usize % Self::SHARDS]
    }
}

#[derive(Hash)]
struct Pair<'a>(&'a Namespace, &'a PluginName);
