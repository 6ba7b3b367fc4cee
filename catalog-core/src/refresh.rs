//! Reading a source and making what it lists the content of the store.

use std::{collections::HashMap, fmt, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt;
use tokio::{sync::Mutex, time::timeout};
use uuid::Uuid;

use crate::{
    clock::{Clock, SystemClock},
    excerpt::lines,
    provider::{Loaded, Provider},
    registry::panic_text,
    schema::PluginDefinition,
    source::{Refresh, RefreshFigures, RefreshState, Source, SourceSpec, SourceState, SourceStatus},
    store::{AssetStore, Attribution, IfTag, SourceKey, SourceStore, StoreError, hook::Fence},
    tenant::TenantScope,
};

/// Refreshes sources: asks the provider of a source's type and hands the assets to the store. Cheap to clone.
///
/// Several may be read at once; of a refresher and its clones one at a time writes.
#[derive(Clone, Debug)]
pub struct Refresher<A, S> {
    assets: A,
    sources: S,
    providers: Arc<HashMap<String, Arc<dyn Provider>>>,
    timeout: Duration,
    clock: Arc<dyn Clock>,
    /// Held by the one refresh that writes: an engine may have one writer, and who waits for it too long is refused.
    writing: Arc<Mutex<()>>,
}

/// So many rejected items are named in a source's status and in the log; the others are counted.
const REJECTED_SHOWN: usize = 3;
/// What a source's status tells of an error at most, in bytes.
const MAX_ERROR: usize = 2_048;

impl<A: AssetStore, S: SourceStore> Refresher<A, S> {
    /// Between those stores; a source may take 60 s to be read.
    pub fn new(assets: A, sources: S) -> Self {
        Self {
            assets,
            sources,
            providers: Arc::default(),
            timeout: Duration::from_mins(1),
            clock: Arc::new(SystemClock),
            writing: Arc::default(),
        }
    }

    /// With one provider more; of two for one type the later counts.
    #[must_use]
    pub fn with_provider(mut self, provider: impl Provider) -> Self {
        let providers = Arc::make_mut(&mut self.providers);
        providers.insert(provider.source_type().into(), Arc::new(provider));
        self
    }

    /// With another time that reading a source may take.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Reads `source` and replaces its assets. A provider that fails, panics or hangs changes nothing but the source's status,
    /// which the caller gets; a source that is switched off loses its assets.
    ///
    /// # Errors
    /// Those of the stores.
    pub async fn refresh<F: Fence<A::Transaction>>(
        &self,
        scope: &TenantScope,
        by: &Attribution,
        plugin: &PluginDefinition,
        source: &Source,
        fence: &F,
    ) -> Result<SourceStatus, StoreError> {
        self.refresh_as(Uuid::now_v7(), scope, by, plugin, source, fence).await
    }

    /// As [`refresh`](Self::refresh), for the job of that id, which the source's status names.
    ///
    /// # Errors
    /// Those of the stores.
    pub async fn refresh_as<F: Fence<A::Transaction>>(
        &self,
        job_id: Uuid,
        scope: &TenantScope,
        by: &Attribution,
        plugin: &PluginDefinition,
        source: &Source,
        fence: &F,
    ) -> Result<SourceStatus, StoreError> {
        let key = SourceKey { plugin: plugin.name.clone(), id: source.spec.id.clone() };
        let started_at = self.clock.now();
        // before it is read: what changes in between is taken for older than it is, and not for newer
        let fingerprint = self.fingerprint(&source.spec).await;
        let loaded =
            if source.spec.enabled { self.load(plugin, source).await } else { Ok(Loaded::default()) };
        let _writing = self.writing.lock().await;
        let mut status = source.status.clone();
        let (state, figures) = match loaded {
            Ok(loaded) => {
                let Loaded { drafts, rejected } = loaded;
                let mut figures = self.assets.replace(scope, by, &key, drafts, fence).await?;
                figures.rejected = rejected.len() as u64;
                for rejected in rejected.iter().take(REJECTED_SHOWN) {
                    tracing::warn!(plugin = %plugin.name, source = %source.spec.id, item = %rejected, "item rejected");
                }
                status.error = told(&rejected).map(|error| lines(&error, MAX_ERROR));
                status.state = match (source.spec.enabled, rejected.is_empty()) {
                    (false, _) => SourceState::Disabled,
                    (true, true) => SourceState::Available,
                    (true, false) => SourceState::Partial,
                };
                status.entity_count = figures.loaded + figures.updated + figures.unchanged;
                (RefreshState::Succeeded, figures)
            }
            Err(error) => {
                tracing::warn!(plugin = %plugin.name, source = %source.spec.id, error, "source cannot be read");
                status.error = Some(lines(&error, MAX_ERROR));
                status.state = SourceState::Error;
                (RefreshState::Failed, RefreshFigures::default())
            }
        };
        let finished_at = self.clock.now();
        status.last_refresh = Some(Refresh {
            job_id,
            state,
            revision: source.revision,
            fingerprint,
            started_at,
            finished_at,
            figures,
        });
        self.sources.note_status(scope, &key, &status).await?;
        Ok(status)
    }

    /// Removes a source with all its assets, which go as its consequence. One that is gone is no error.
    ///
    /// # Errors
    /// Those of the stores. The source stays where its assets do.
    pub async fn remove<F: Fence<A::Transaction>>(
        &self,
        scope: &TenantScope,
        by: &Attribution,
        key: &SourceKey,
        fence: &F,
    ) -> Result<(), StoreError> {
        let _writing = self.writing.lock().await;
        self.assets.replace(scope, &by.consequence(), key, Vec::new(), fence).await?;
        self.sources.remove(scope, by, key, &IfTag::ANY).await.map(drop)
    }

    /// What tells that which the source lists now from what it listed before, if its provider knows.
    pub async fn fingerprint(&self, spec: &SourceSpec) -> Option<String> {
        let provider = self.providers.get(&spec.source_type)?;
        let asked = AssertUnwindSafe(provider.fingerprint(spec)).catch_unwind();
        timeout(self.timeout, asked).await.ok()?.ok()?
    }

    async fn load(&self, plugin: &PluginDefinition, source: &Source) -> Result<Loaded, String> {
        let source_type = &source.spec.source_type;
        let provider = self.providers.get(source_type).ok_or_else(|| {
            let mut known: Vec<&str> = self.providers.keys().map(String::as_str).collect();
            known.sort_unstable();
            format!(
                "no provider reads sources of type `{source_type}`; those that can be read are {}",
                known.join(", ")
            )
        })?;
        let load = AssertUnwindSafe(provider.load(plugin, &source.spec)).catch_unwind();
        match timeout(self.timeout, load).await {
            Ok(Ok(loaded)) => loaded.map_err(|error| {
                tracing::debug!(error = &error as &dyn std::error::Error, "provider failed");
                error.to_string()
            }),
            Ok(Err(panic)) => {
                tracing::error!(
                    provider = source_type,
                    panic = panic_text(panic.as_ref()),
                    "provider panicked"
                );
                Err("the provider failed unexpectedly".into())
            }
            Err(_) => Err(format!("reading the source took longer than {:?}", self.timeout)),
        }
    }
}

/// The first rejected items, and how many more there are.
fn told(rejected: &[impl fmt::Display]) -> Option<String> {
    if rejected.is_empty() {
        return None;
    }
    let mut text: Vec<String> = rejected.iter().take(REJECTED_SHOWN).map(ToString::to_string).collect();
    if rejected.len() > REJECTED_SHOWN {
        text.push(format!("and {} more", rejected.len() - REJECTED_SHOWN));
    }
    Some(text.join("\n"))
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;

    use super::*;
    use crate::{
        authorizer::{InsecureAllowAll, authorize},
        identity::Identity,
        permission::{Permission, Reach, Resource, Verb},
        provider::ProviderError,
        store::{
            Attribution, MemoryAssetStore, MemorySourceStore,
            hook::{Unaudited, Unfenced, Unqueued},
        },
        tenant::TenantSelector,
    };

    const TEST: Attribution = Attribution::system("test");

    #[derive(Debug)]
    struct Verbose;

    #[async_trait]
    impl Provider for Verbose {
        fn source_type(&self) -> &'static str {
            "verbose"
        }

        async fn load(&self, _: &PluginDefinition, _: &SourceSpec) -> Result<Loaded, ProviderError> {
            Err(ProviderError::new(format!("{}\u{1b}", "no good\r\n".repeat(1_000_000))))
        }
    }

    #[tokio::test]
    async fn what_a_status_tells_of_an_error_is_bounded() {
        let permission = Permission::new(Verb::Update, Resource::CatalogSources, Reach::Tenant);
        let tenant = TenantSelector::One("team-a".parse().unwrap());
        let identity = Identity::system("test");
        let granted =
            authorize(&InsecureAllowAll, &identity, &permission, Some(&tenant), None).await.unwrap();
        let scope = granted.scope.unwrap();
        let plugin = crate::plugin::builtin().unwrap().remove(0);
        let sources = MemorySourceStore::new(Unaudited, Unqueued);
        let spec: SourceSpec =
            serde_json::from_value(serde_json::json!({"id": "a", "type": "verbose"})).unwrap();
        let source = sources.apply(&scope, &TEST, &plugin.name, &spec).await.unwrap();
        let refresher =
            Refresher::new(MemoryAssetStore::new(Unaudited), sources.clone()).with_provider(Verbose);
        let status = refresher.refresh(&scope, &TEST, &plugin, &source, &Unfenced).await.unwrap();
        let error = status.error.unwrap();
        assert!(error.len() <= MAX_ERROR && error.starts_with("no good\\r\nno good"), "{error}");
        assert!(!error.contains(|c: char| c.is_control() && c != '\n'), "{error}");
    }
}
