//! Putting the server together, running it, and leaving.

use std::{net::SocketAddr, path::Path, sync::Arc};

use catalog_core::{
    http::{Catalog, CatalogConfig, Routes},
    name::Namespace,
    page::PageTokens,
    plugin::{DataPlugin, Plugin, builtin},
    provider::{FileProvider, FileRoot, SourcesFile},
    refresh::Refresher,
    registry::{Registry, RegistryConfig},
    schema::PluginDefinition,
    store::{
        AssetStore, MemoryAssetStore, MemorySourceStore, SourceStore,
        database::Database,
        hook::{Unaudited, Unqueued},
        page_tokens,
        sql::{MIGRATIONS, SqlAssetStore, SqlSettingStore, SqlSourceStore, migrate},
    },
};
use catalog_ha::{Drain, Readiness, probes, terminated};
use tokio::net::TcpListener;

use crate::{
    AnyError,
    config::{Config, ConfigError, Profile, seconds},
    docs, health,
    loader::{Loader, Progress, Wanted},
    sample::{self, SampleProvider},
    stack, telemetry, welcome,
};

/// Serves until it is told to leave.
pub(crate) fn run(config: &Config) -> Result<(), AnyError> {
    telemetry::start(&config.log)?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(serve(config))
}

/// The table of routes and the OpenAPI document, as they would be served.
pub(crate) fn offline(config: &Config) -> Result<(Routes, String), AnyError> {
    let registry = registry()?;
    let tokens = PageTokens::new([PageTokens::generate_key()?])?;
    let catalog = catalog(
        config,
        registry,
        MemoryAssetStore::new(Unaudited),
        MemorySourceStore::new(Unaudited, Unqueued),
        tokens,
    );
    let mut document = String::new();
    let routes = routes(&catalog, &Readiness::new(Drain::new()), &mut document);
    Ok((routes, document))
}

async fn serve(config: &Config) -> Result<(), AnyError> {
    let database = Database::sqlite(&config.database.url).await?;
    let migrated = migrate(&database, MIGRATIONS).await?;
    let tokens = match config.page_token_keys.as_slice() {
        [] => page_tokens(&SqlSettingStore::new(database.clone())).await?,
        keys => {
            PageTokens::new(keys).map_err(|error| ConfigError::new("page_token_keys", error.to_string()))?
        }
    };
    let registry = registry()?;
    let assets = SqlAssetStore::new(database.clone(), Unaudited);
    let sources = SqlSourceStore::new(database.clone(), Unaudited, Unqueued);
    let (wanted, refresher) = wanted(config, &registry_definitions(&registry), &assets, &sources)?;

    let (drain, progress) = (Drain::new(), Progress::default());
    let readiness =
        health::readiness(drain.clone(), database.clone(), migrated, registry.clone(), progress.clone());
    let catalog = catalog(config, registry.clone(), assets, sources.clone(), tokens);
    let router =
        stack::stack(config, &Namespace::new(DEFAULT)?, routes(&catalog, &readiness, &mut String::new()))?;

    let listener = TcpListener::bind(config.listen)
        .await
        .map_err(|error| ConfigError::new("listen", error.to_string()))?;
    let address = listener.local_addr()?;
    announce(config, address)?;
    let starting = tokio::spawn({
        let (registry, loader) =
            (registry.clone(), Loader { registry: registry.clone(), sources, refresher, progress });
        async move {
            registry.start().await;
            loader.run(wanted).await;
        }
    });
    let leaving = tokio::spawn({
        let drain = drain.clone();
        async move {
            let told = terminated().await;
            drain.begin();
            told
        }
    });

    let heard = {
        let (drain, delay) = (drain.clone(), seconds(config.shutdown.delay_seconds));
        async move { drain.begun_and_heard(delay).await }
    };
    let serving = axum::serve(listener, router).with_graceful_shutdown(heard);
    let too_late = async {
        drain.begun().await;
        tokio::time::sleep(seconds(config.shutdown.delay_seconds) + seconds(config.shutdown.grace_seconds))
            .await;
    };
    tokio::select! {
        done = serving => done?,
        () = too_late => tracing::warn!("some requests took longer than the grace and were cut"),
    }
    leaving.abort();
    starting.abort();
    registry.stop().await;
    database.close().await;
    tracing::info!("left");
    Ok(())
}

/// The one tenant of the tenancy mode `single`.
const DEFAULT: &str = "default";

fn registry() -> Result<Registry, AnyError> {
    let plugins =
        builtin()?.into_iter().map(|definition| Arc::new(DataPlugin::new(definition)) as Arc<dyn Plugin>);
    Ok(Registry::new(plugins, RegistryConfig::default())?)
}

fn registry_definitions(registry: &Registry) -> Vec<PluginDefinition> {
    registry.plugins().iter().map(|plugin| plugin.definition().clone()).collect()
}

fn catalog<A: AssetStore, S: SourceStore>(
    config: &Config,
    registry: Registry,
    assets: A,
    sources: S,
    tokens: PageTokens,
) -> Catalog<A, S> {
    let config = CatalogConfig {
        discovery_ttl: seconds(config.cache.discovery_ttl),
        capabilities_ttl: seconds(config.cache.capabilities_ttl),
        handler_timeout: seconds(config.http.handler_timeout_seconds),
    };
    Catalog::new(registry, assets, sources, tokens, config)
}

fn routes<A: AssetStore, S: SourceStore>(
    catalog: &Catalog<A, S>,
    readiness: &Readiness,
    document: &mut String,
) -> Routes {
    let describe = |routes: &Routes| {
        document.push_str(&routes.openapi("catalog", env!("CARGO_PKG_VERSION"), catalog.shapes()));
        document.clone()
    };
    docs::routes(describe, probes(readiness).merge(catalog.routes()))
}

/// What the configuration wants to be listed, and what reads it.
fn wanted<A: AssetStore + Clone, S: SourceStore + Clone>(
    config: &Config,
    plugins: &[PluginDefinition],
    assets: &A,
    sources: &S,
) -> Result<(Vec<Wanted>, Refresher<A, S>), AnyError> {
    let mut refresher =
        Refresher::new(assets.clone(), sources.clone()).with_timeout(seconds(config.sources.timeout_seconds));
    let mut wanted = Vec::new();
    if config.profile == Profile::Demo {
        refresher = refresher.with_provider(SampleProvider);
        wanted.extend(sample::wanted()?);
    }
    if let Some(file) = &config.sources.file {
        let error = |message: String| ConfigError::new(file.display().to_string(), message);
        let text = std::fs::read_to_string(file).map_err(|cause| error(cause.to_string()))?;
        let read = SourcesFile::parse(&text, plugins).map_err(|faults| error(format!("\n{faults}")))?;
        let base = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let root = FileRoot::new(config.sources.root.as_deref().unwrap_or(base), base);
        let root = root.map_err(|cause| ConfigError::new("sources.root", cause.to_string()))?;
        refresher = refresher.with_provider(FileProvider::new(root));
        wanted.push(Wanted {
            namespace: config.sources.namespace.clone(),
            managed_by: "file",
            sources: read.sources,
        });
    }
    Ok((wanted, refresher))
}

/// Tells people and programs where the server is.
fn announce(config: &Config, address: SocketAddr) -> Result<(), AnyError> {
    if let Some(file) = &config.listen_file {
        // in one step, so that no reader sees half of it
        let part = file.with_extension("part");
        std::fs::write(&part, address.to_string())?;
        std::fs::rename(&part, file)?;
    }
    tracing::info!(%address, "listening");
    if config.authz_is_open() && config.profile == Profile::Production {
        tracing::warn!("authorization is switched off: everybody who reaches the server may do everything");
    }
    if config.profile == Profile::Demo {
        println!("{}", welcome::text(address));
    }
    Ok(())
}
