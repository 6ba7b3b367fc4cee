use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use catalog_core::{
    directory::{DirectoryError, NamespaceDirectory, NamespaceRecord, Peeked},
    name::Namespace,
    store::{Changed, Changes},
    tenant::TenantScope,
};
use futures_util::FutureExt;
use moka::future::Cache;

/// A directory whose answers are kept for a while, also that there is no such tenant; lists are always asked for.
///
/// An answer is forgotten when news of a change come, and after its time at the latest. Of several who ask for one tenant at once,
/// one asks the directory. What the directory could not say is not kept.
#[derive(Clone, Debug)]
pub struct CachedDirectory<D> {
    inner: Arc<D>,
    kept: Cache<Namespace, Option<Arc<NamespaceRecord>>>,
}

/// So many tenants are kept.
const CAPACITY: u64 = 100_000;

impl<D: NamespaceDirectory> CachedDirectory<D> {
    /// Keeps the answers of `inner` for at most `max_staleness`.
    pub fn new(inner: D, max_staleness: Duration) -> Self {
        let kept = Cache::builder().max_capacity(CAPACITY).time_to_live(max_staleness).build();
        Self { inner: Arc::new(inner), kept }
    }

    /// Forgets what `changes` tell of, from now on.
    #[must_use]
    pub fn hearing(self, changes: &Changes) -> Self {
        let kept = self.kept.clone();
        changes.subscribe(move |changed| match changed {
            // an entry is marked before the future that would do the rest waits for anything
            Changed::Namespace { namespace } => drop(kept.invalidate(*namespace).now_or_never()),
            Changed::Unknown => kept.invalidate_all(),
            Changed::Assets { .. } | Changed::Policy => {}
        });
        self
    }
}

#[async_trait]
impl<D: NamespaceDirectory> NamespaceDirectory for CachedDirectory<D> {
    async fn find(&self, name: &Namespace) -> Result<Option<Arc<NamespaceRecord>>, DirectoryError> {
        let ask = self.kept.try_get_with_by_ref(name, self.inner.find(name));
        ask.await.map_err(|error: Arc<DirectoryError>| DirectoryError::new(error))
    }

    fn peek(&self, name: &Namespace) -> Peeked {
        // reading waits for nothing
        self.kept.get(name).now_or_never().flatten().map_or(Peeked::Unsure, Peeked::from)
    }

    async fn list(
        &self,
        scope: &TenantScope,
        after: Option<&Namespace>,
        most: usize,
    ) -> Result<Vec<Arc<NamespaceRecord>>, DirectoryError> {
        self.inner.list(scope, after, most).await
    }
}
