//! Putting the server together, running it, and leaving.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use axum::Router;
use catalog_core::{
    authorizer::{Authorizer, InsecureAllowAll},
    http::{Catalog, CatalogConfig, Routes, Security},
    page::PageTokens,
    plugin::{DataPlugin, Plugin, builtin},
    provider::{FileProvider, FileRoot, SourcesFile, read_text},
    refresh::Refresher,
    registry::{Registry, RegistryConfig},
    schema::PluginDefinition,
    store::{
        AssetStore, Changes, MemoryAssetStore, MemorySourceStore, SourceStore, StoreError,
        hook::{Unaudited, Unqueued},
        page_tokens,
        sql::{SqlAssetStore, SqlSettingStore, SqlSourceStore},
    },
    tenant::TenantSelector,
    yaml,
};
use catalog_ha::{Drain, Readiness, probes, terminated};
use catalog_rbac::http::Authz;
use catalog_tenancy::{directory::ConfiguredDirectory, http::Namespaces};
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::net::TcpListener;

use crate::{
    AnyError,
    access::{self, Access},
    audit::{self, Trail},
    cluster::Cluster,
    command::print,
    config::{Config, ConfigError, Profile, Switch, milliseconds, seconds},
    database, docs, health,
    listener::{self, Limits},
    loader::{self, Loader, Wanted},
    metrics, operator,
    progress::Progress,
    sample::{self, SampleProvider},
    stack, telemetry,
    tenants::Tenants,
    welcome,
};

/// Serves until it is told to leave.
pub(crate) fn run(config: &Config) -> Result<(), AnyError> {
    telemetry::start(&config.log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let served = runtime.block_on(serve(config));
    // a thread that still reads a source cannot be stopped, and must not keep the process
    runtime.shutdown_timeout(LEFT_BEHIND);
    served
}

/// How long plugins and the database may take to end when the server leaves, together.
const CLOSING: Duration = Duration::from_secs(3);
/// How long threads may take to end that nothing waits for any more.
const LEFT_BEHIND: Duration = Duration::from_millis(500);

/// The table of routes and the OpenAPI document, as they would be served.
pub(crate) fn offline(config: &Config) -> Result<(Routes, String), AnyError> {
    let registry = registry()?;
    let tokens = PageTokens::new([PageTokens::generate_key()?])?;
    let catalog = catalog(
        config,
        registry,
        MemoryAssetStore::new(Unaudited),
        MemorySourceStore::new(Unaudited, Unqueued),
        tokens.clone(),
    );
    let mut document = String::new();
    let own = metrics::routes(PrometheusBuilder::new().build_recorder().handle());
    let nobody = Arc::new(ConfiguredDirectory::default());
    let mode = config.tenancy.mode;
    // what would decide matters to no document
    let authorizer: Arc<dyn Authorizer> = Arc::new(InsecureAllowAll);
    let recorded = audit::offline(config, tokens.clone());
    let of_tenants = catalog.routes();
    let namespaces = Namespaces::new(mode, nobody, Arc::clone(&authorizer), tokens, &of_tenants);
    let login = access::offline_login(config)?;
    let told = access::routes(config, authorizer, login.as_ref())?;
    let own = own.merge(namespaces.routes()).merge(told).merge(recorded);
    let security = access::security(config, login.as_ref());
    let routes = routes(security, &catalog, &Readiness::new(Drain::new()), own, &mut document);
    Ok((routes, document))
}

async fn serve(config: &Config) -> Result<(), AnyError> {
    let counted = metrics::start()?;
    let database = database::connect(&config.database).await?;
    let unfit = |error: StoreError| database::unfit(&config.database).caused_by(error);
    let migrated = database::migrate_all(&database).await.map_err(unfit)?;
    if config.database.row_level_security == Switch::On {
        database::secure(&database).await.map_err(unfit)?;
    }
    let tokens = match config.page_token_keys.as_slice() {
        [] => page_tokens(&SqlSettingStore::new(database.clone())).await?,
        keys => {
            PageTokens::new(keys).map_err(|error| ConfigError::new("page_token_keys", error.to_string()))?
        }
    };
    let registry = registry()?;
    let changes = Changes::default();
    let cluster = Cluster::default();
    let trail = Trail::new(config, &database).await?;
    let tenants = Tenants::new(config, &cluster, &database, &changes, trail.recorder()).await?;
    let access = Access::new(config, &cluster, &database, &changes, &tenants.directory).await?;
    let assets = SqlAssetStore::new(database.clone(), trail.recorder())
        .with_changes(changes.clone())
        .with_admission(Arc::clone(&tenants.admission));
    let sources = SqlSourceStore::new(database.clone(), trail.recorder(), Unqueued)
        .with_admission(Arc::clone(&tenants.admission));
    let definitions = registry_definitions(&registry);
    let (wanted, refresher) = wanted(config, &definitions, &assets, &sources)?;
    tenants.ensure(wanted.iter().map(|wanted| &wanted.namespace)).await.map_err(unfit)?;
    let listening = tokio::spawn(database::listen(database.clone(), changes));

    let limits = Limits {
        connections: config.http.max_connections,
        header_timeout: seconds(config.http.header_timeout_seconds),
        write_timeout: seconds(config.http.write_timeout_seconds),
    };
    let (drain, progress) = (Drain::new(), Progress::default());
    let readiness =
        health::readiness(drain.clone(), database.clone(), migrated, registry.clone(), progress.clone())
            .with_check("tokens", {
                let authentication = access.authentication.clone();
                move || std::future::ready(authentication.component())
            })
            .with_check("policy", {
                let authorization = access.authorization.clone();
                move || std::future::ready(authorization.component())
            })
            .with_check("audit", {
                let trail = trail.clone();
                move || {
                    let trail = trail.clone();
                    async move { trail.component().await }
                }
            })
            .with_check("limits", {
                let last_read = tenants.last_read.clone();
                move || std::future::ready(last_read.component())
            });
    let catalog = catalog(config, registry.clone(), assets, sources.clone(), tokens.clone());
    let own = match config.metrics_listen {
        Some(address) => {
            metrics::serve(address, limits, counted).await?;
            Routes::new()
        }
        None => metrics::routes(counted),
    };
    let (mode, directory) = (tenants.mode, Arc::clone(&tenants.directory));
    let recorded = trail.routes(config, tokens.clone());
    let of_tenants = catalog.routes().merge(trail.routes(config, tokens.clone()));
    let namespaces = Namespaces::new(mode, directory, access.authorizer(), tokens, &of_tenants);
    let told = access::routes(config, access.authorizer(), access.login.as_ref())?;
    let own = own.merge(namespaces.routes()).merge(told).merge(recorded);
    let security = access::security(config, access.login.as_ref());
    let served = routes(security, &catalog, &readiness, own, &mut String::new());
    let router = stack::stack(config, &trail.audit, &tenants, &access, served)?;

    let listener = TcpListener::bind(config.listen)
        .await
        .map_err(|error| ConfigError::new("listen", format!("`{}`: {error}", config.listen)))?;
    let address = listener.local_addr()?;
    announce(config, address)?;
    let starting = tokio::spawn({
        let (registry, database) = (registry.clone(), database.clone());
        let loader = Loader { registry: registry.clone(), sources, refresher, progress };
        async move {
            registry.start().await;
            database::index(&database, &definitions).await;
            loader.run(wanted).await;
        }
    });
    let all = operator::scope("audit", TenantSelector::All).await?;
    let keeping = tokio::spawn(trail.clone().keep(all, config.audit.retention_days));
    serve_until_told(config, listener, router, limits, drain).await;
    starting.abort();
    listening.abort();
    let closing = async {
        trail.audit.settle().await;
        keeping.abort();
        registry.stop().await;
        database.close().await;
    };
    if tokio::time::timeout(CLOSING, closing).await.is_err() {
        tracing::warn!("plugins or the database took too long to end and were left behind");
    }
    tracing::info!("left");
    Ok(())
}

/// Serves until the process is told to leave, and then until the requests under way are answered or the grace is over.
async fn serve_until_told(
    config: &Config,
    listener: TcpListener,
    router: Router,
    limits: Limits,
    drain: Drain,
) {
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
    let serving = listener::serve(listener, router, limits, heard);
    let too_late = async {
        drain.begun().await;
        tokio::time::sleep(seconds(config.shutdown.delay_seconds) + seconds(config.shutdown.grace_seconds))
            .await;
    };
    tokio::select! {
        () = serving => {}
        () = too_late => tracing::warn!("some requests took longer than the grace and were cut"),
    }
    leaving.abort();
}

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
        pages_bytes: config.cache.pages_bytes,
        max_staleness: milliseconds(config.cache.max_staleness_ms),
    };
    Catalog::new(registry, assets, sources, tokens, config)
}

fn routes<A: AssetStore, S: SourceStore>(
    security: Security,
    catalog: &Catalog<A, S>,
    readiness: &Readiness,
    own: Routes,
    document: &mut String,
) -> Routes {
    let describe = |routes: &Routes| {
        let shapes = catalog
            .shapes()
            .into_iter()
            .chain(Namespaces::shapes())
            .chain(audit::shapes())
            .chain(Authz::shapes());
        document.push_str(&routes.openapi("catalog", env!("CARGO_PKG_VERSION"), security, shapes));
        document.clone()
    };
    docs::routes(describe, probes(readiness).merge(own).merge(catalog.routes()))
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
        let text =
            read_text(file, yaml::Limits::default().bytes).map_err(|cause| error(cause.to_string()))?;
        let read = SourcesFile::parse(&text, plugins).map_err(|faults| error(format!("\n{faults}")))?;
        let base = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let root = FileRoot::new(config.sources.root.as_deref().unwrap_or(base), base);
        let root = root.map_err(|cause| ConfigError::new("sources.root", cause.to_string()))?;
        refresher = refresher.with_provider(FileProvider::new(root));
        wanted.push(Wanted {
            namespace: config.sources.namespace.clone(),
            managed_by: loader::FILE,
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
        std::fs::write(&part, address.to_string())
            .and_then(|()| std::fs::rename(&part, file))
            .map_err(|error| ConfigError::new("listen_file", format!("`{}`: {error}", file.display())))?;
    }
    tracing::info!(%address, "listening");
    if config.authz_is_open() && config.profile == Profile::Production {
        tracing::warn!("authorization is switched off: everybody who reaches the server may do everything");
    }
    if config.profile == Profile::Demo {
        print(&format!("{}\n", welcome::text(address, &database::shown(&config.database))))?;
    }
    Ok(())
}
