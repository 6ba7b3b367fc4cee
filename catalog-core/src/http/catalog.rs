use std::{sync::Arc, time::Duration};

use super::{
    artifacts, assets,
    cache::ReadyCache,
    discovery, filter_options,
    generations::Generations,
    guard::GuardPluginLayer,
    openapi::{self, Shape},
    pages::Pages,
    route::Routes,
    sources,
};
use crate::{
    page::PageTokens,
    registry::Registry,
    store::{AssetStore, SourceStore},
};

/// How a [`Catalog`] serves.
#[derive(Clone, Copy, Debug)]
pub struct CatalogConfig {
    /// How long `/api/plugins` is kept.
    pub discovery_ttl: Duration,
    /// How long capabilities are kept.
    pub capabilities_ttl: Duration,
    /// How long a plugin's handler may take.
    pub handler_timeout: Duration,
    /// How much of the answers of lists is kept, in bytes; 0 keeps none.
    pub pages_bytes: u64,
    /// How old a list may be after a change that another process made and that no news has come of.
    pub max_staleness: Duration,
}

impl Default for CatalogConfig {
    /// 60 s, 30 s, 10 s, 64 MiB and 1 s.
    fn default() -> Self {
        Self {
            discovery_ttl: Duration::from_mins(1),
            capabilities_ttl: Duration::from_secs(30),
            handler_timeout: Duration::from_secs(10),
            pages_bytes: 64 << 20,
            max_staleness: Duration::from_secs(1),
        }
    }
}

/// What the catalog's routes are served from. Cheap to clone.
#[derive(Debug)]
pub struct Catalog<A, S> {
    pub(super) parts: Arc<Parts<A, S>>,
}

impl<A, S> Clone for Catalog<A, S> {
    fn clone(&self) -> Self {
        Self { parts: Arc::clone(&self.parts) }
    }
}

#[derive(Debug)]
pub(super) struct Parts<A, S> {
    pub(super) registry: Registry,
    pub(super) assets: A,
    pub(super) sources: S,
    pub(super) tokens: PageTokens,
    pub(super) discovery: ReadyCache,
    pub(super) capabilities: ReadyCache,
    pub(super) pages: Pages,
    config: CatalogConfig,
}

impl<A: AssetStore, S: SourceStore> Catalog<A, S> {
    /// The plugins of `registry` with their assets and sources.
    pub fn new(registry: Registry, assets: A, sources: S, tokens: PageTokens, config: CatalogConfig) -> Self {
        let generations = Generations::new(assets.changes(), config.max_staleness);
        let parts = Parts {
            registry,
            assets,
            sources,
            tokens,
            discovery: ReadyCache::new("discovery", config.discovery_ttl),
            capabilities: ReadyCache::new("capabilities", config.capabilities_ttl),
            pages: Pages::new(config.pages_bytes, generations),
            config,
        };
        Self { parts: Arc::new(parts) }
    }

    /// Discovery, and each plugin's lists, assets and sources, each plugin behind its own guard.
    pub fn routes(&self) -> Routes {
        let mut routes = discovery::routes(self);
        for plugin in self.parts.registry.plugins() {
            let guard = GuardPluginLayer::new(plugin.clone(), self.parts.config.handler_timeout);
            let own = assets::routes(self, plugin)
                .merge(artifacts::routes(self, plugin))
                .merge(filter_options::routes(self, plugin))
                .merge(sources::routes(self, plugin));
            routes = routes.merge(own.layer(&guard));
        }
        routes
    }

    /// The shapes that the OpenAPI document of these routes refers to, by name.
    pub fn shapes(&self) -> Vec<(String, Shape)> {
        let entities = self
            .parts
            .registry
            .plugins()
            .iter()
            .flat_map(|plugin| openapi::entity_shapes(plugin.definition()));
        openapi::common_shapes().into_iter().chain(entities).collect()
    }
}
