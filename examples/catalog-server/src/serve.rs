//! Putting the server together, running it, and leaving.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use catalog_core::{
    authorizer::{Authorizer, InsecureAllowAll},
    directory::NamespaceDirectory,
    http::{Catalog, CatalogConfig, Routes, Security},
    page::PageTokens,
    plugin::{DataPlugin, Plugin, builtin},
    provider::{FileProvider, FileRoot, SourcesFile, read_text},
    refresh::Refresher,
    registry::{Registry, RegistryConfig},
    schema::PluginDefinition,
    store::{
        AssetStore, Changes, MemoryAssetStore, MemorySourceStore, SourceStore,
        database::Database,
        hook::{Unaudited, Unqueued},
        page_tokens,
        sql::{SqlAssetStore, SqlSettingStore, SqlSourceStore},
    },
    yaml,
};
use catalog_ha::{Drain, Phase, Readiness, Shutdown, probes};
use catalog_jobs::{
    Job, RefreshSource,
    http::{Jobs, Queues, Refreshes},
    schedule::Recurrence,
    store::{EnqueueStore, MemoryJobStore, RecordStore, UpkeepStore},
};
use catalog_rbac::{http::Authz, login::Login};
use catalog_tenancy::{directory::ConfiguredDirectory, http::Namespaces};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    AnyError,
    access::{self, Access},
    audit::{self, Trail},
    cluster::Cluster,
    command::print,
    config::{Config, ConfigError, Profile, Switch, milliseconds, seconds},
    database, docs,
    health::Checked,
    jobs::Queue,
    leader::{Leading, Upkeep},
    listener::{self, Limits},
    loader::{self, Loader, Wanted},
    metrics,
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

/// How long each step of leaving may take besides the grace of requests and jobs.
const CLOSING: Duration = Duration::from_secs(3);
/// How long a worker may take to give back what its grace was not enough for.
const RELEASING: Duration = Duration::from_secs(2);
/// How long threads may take to end that nothing waits for any more.
const LEFT_BEHIND: Duration = Duration::from_millis(500);

/// The table of routes and the OpenAPI document, as they would be served.
pub(crate) fn offline(config: &Config) -> Result<(Routes, String), AnyError> {
    let registry = registry()?;
    let tokens = PageTokens::new([PageTokens::generate_key()?])?;
    let catalog = catalog(
        config,
        registry.clone(),
        MemoryAssetStore::new(Unaudited),
        MemorySourceStore::new(Unaudited, Unqueued),
        tokens.clone(),
    );
    let store = MemoryJobStore::new(Unaudited);
    let jobs = Jobs::new(store.clone(), RefreshSource::kind()?, tokens.clone());
    let sources = MemorySourceStore::new(Unaudited, Unqueued);
    let login = access::offline_login(config)?;
    let around = Around {
        config,
        // what would decide matters to no document
        authorizer: Arc::new(InsecureAllowAll),
        login: login.as_ref(),
        directory: Arc::new(ConfiguredDirectory::default()),
        events: &|| audit::offline(config, tokens.clone()),
        refreshes: Refreshes::new(jobs.clone(), sources, "refresh".parse()?, 1),
        jobs,
        queues: Queues::new(store, []),
        tokens: tokens.clone(),
        definitions: &registry_definitions(&registry),
    };
    let own = metrics::routes(PrometheusBuilder::new().build_recorder().handle());
    let own = own.merge(around.routes(&catalog.routes())?);
    let mut document = String::new();
    let security = access::security(config, login.as_ref());
    let routes = routes(security, &catalog, &Readiness::new(Drain::new()), own, &mut document);
    Ok((routes, document))
}

/// The routes that are served beside the catalog's own.
struct Around<'a, J, S> {
    config: &'a Config,
    authorizer: Arc<dyn Authorizer>,
    login: Option<&'a Login>,
    directory: Arc<dyn NamespaceDirectory>,
    events: &'a dyn Fn() -> Routes,
    jobs: Jobs<J>,
    queues: Queues<J>,
    refreshes: Refreshes<J, S>,
    tokens: PageTokens,
    definitions: &'a [PluginDefinition],
}

impl<J, S> Around<'_, J, S>
where
    J: EnqueueStore + RecordStore + UpkeepStore + Clone,
    S: SourceStore + Clone,
{
    /// With those of `catalog` they are what may be done in a tenant.
    fn routes(self, catalog: &Routes) -> Result<Routes, AnyError> {
        let (mode, authorizer) = (self.config.tenancy.mode, Arc::clone(&self.authorizer));
        let jobs = || self.jobs.routes().merge(self.queues.routes());
        let asked = || (self.events)().merge(jobs()).merge(self.refreshes.routes(self.definitions));
        let namespaces = Namespaces::new(mode, self.directory, authorizer, self.tokens, [catalog, &asked()]);
        let told = access::routes(self.config, self.authorizer, self.login)?;
        Ok(namespaces.routes().merge(told).merge(asked()))
    }
}

async fn serve(config: &Config) -> Result<(), AnyError> {
    let counted = metrics::start()?;
    let database = database::connect(&config.database).await?;
    let unfit = |error: AnyError| database::unfit(&config.database).caused_by(error);
    let migrator = database::migrator(&database);
    migrator.run().await.map_err(|error| unfit(error.into()))?;
    if config.database.row_level_security == Switch::On {
        database::secure(&database).await.map_err(|error| unfit(error.into()))?;
    }
    let tokens = tokens(config, &database).await?;
    let (registry, changes, cluster) = (registry()?, Changes::default(), Cluster::default());
    let trail = Trail::new(config, &database).await?;
    let tenants = Tenants::new(config, &cluster, &database, &changes, trail.recorder()).await?;
    let access = Access::new(config, &cluster, &database, &changes, &tenants.directory).await?;
    let queue = Queue::new(config, &database, trail.recorder(), Arc::clone(&tenants.admission))?;
    let assets = SqlAssetStore::new(database.clone(), trail.recorder())
        .with_changes(changes.clone())
        .with_admission(Arc::clone(&tenants.admission));
    let sources = SqlSourceStore::new(database.clone(), trail.recorder(), queue.enqueue())
        .with_admission(Arc::clone(&tenants.admission));
    let configured = SqlSourceStore::new(database.clone(), trail.recorder(), queue.schedules())
        .with_admission(Arc::clone(&tenants.admission));
    let definitions = registry_definitions(&registry);
    let (wanted, refresher) = wanted(config, &definitions, &assets, &configured)?;
    let namespaces = wanted.iter().map(|wanted| &wanted.namespace);
    tenants.ensure(namespaces).await.map_err(|error| unfit(error.into()))?;
    let listening = tokio::spawn(database::listen(database.clone(), changes));

    let (replica, drain, progress) = (replica(), Drain::new(), Progress::default());
    let parts = (registry.clone(), configured.clone(), refresher.clone(), queue.clone());
    let loader = Loader::new(parts, &database, progress.clone(), wanted);
    let worker = queue.worker(&replica, &registry, &configured, &refresher, loader.in_force_check())?;
    let upkeep = Upkeep::new(config, &trail, &queue, loader.clone()).await?;
    let leading = upkeep.begin(config, &cluster, &database, &replica).await?;
    let checked = Checked {
        drain: drain.clone(),
        database: database.clone(),
        migrator,
        registry: registry.clone(),
        progress: progress.clone(),
        access: access.clone(),
        trail: trail.clone(),
        leadership: leading.leadership.clone(),
        limits: tenants.last_read.clone(),
    };
    let catalog = catalog(config, registry.clone(), assets, sources.clone(), tokens.clone());
    let jobs = Jobs::new(queue.store.clone(), RefreshSource::kind()?, tokens.clone());
    let around = Around {
        config,
        authorizer: access.authorizer(),
        login: access.login.as_ref(),
        directory: Arc::clone(&tenants.directory),
        events: &|| trail.routes(config, tokens.clone()),
        refreshes: Refreshes::new(jobs.clone(), sources, queue.name.clone(), queue.max_attempts),
        jobs,
        queues: Queues::new(queue.store.clone(), [queue.name.clone()]),
        tokens: tokens.clone(),
        definitions: &definitions,
    };
    let own = around.routes(&catalog.routes())?.merge(counts(config, counted).await?);
    let security = access::security(config, access.login.as_ref());
    let served = routes(security, &catalog, &checked.readiness(), own, &mut String::new());
    let router = stack::stack(config, &trail.audit, &tenants, &access, served)?;

    let listener = TcpListener::bind(config.listen)
        .await
        .map_err(|error| ConfigError::new("listen", format!("`{}`: {error}", config.listen)))?;
    announce(config, listener.local_addr()?)?;
    let starting = tokio::spawn({
        let (registry, database) = (registry.clone(), database.clone());
        async move {
            registry.start().await;
            database::index(&database, &definitions).await;
            loader.begin().await;
        }
    });
    let working = tokio::spawn({
        let drain = drain.clone();
        async move {
            let leave = CancellationToken::new();
            // beside the requests that are under way
            let told = async {
                drain.begun().await;
                leave.cancel();
            };
            tokio::join!(worker.run(leave.clone()), told);
        }
    });
    let serving = tokio::spawn({
        let (drain, delay) = (drain.clone(), seconds(config.shutdown.delay_seconds));
        let heard = async move { drain.begun_and_heard(delay).await };
        let limits = limits(config);
        async move { listener::serve(listener, router, limits, heard).await }
    });
    let running = Running { serving, working, starting, listening, leading, trail, registry, database };
    running.leave_when_told(config, drain).await
}

/// What goes on while the server serves.
struct Running {
    serving: JoinHandle<()>,
    working: JoinHandle<()>,
    starting: JoinHandle<()>,
    listening: JoinHandle<()>,
    leading: Leading,
    trail: Trail,
    registry: Registry,
    database: Database,
}

impl Running {
    /// Waits until the process is told to leave, and ends all in order.
    async fn leave_when_told(self, config: &Config, drain: Drain) -> Result<(), AnyError> {
        let Self { serving, working, starting, listening, leading, trail, registry, database } = self;
        let grace = seconds(config.shutdown.grace_seconds);
        let leaving = Shutdown::new(drain, seconds(config.shutdown.delay_seconds))
            .with_step(Phase::Drain, "requests", grace, ended(serving))
            // what a worker cannot finish it gives back
            .with_step(Phase::Drain, "jobs", grace + RELEASING, ended(working))
            .with_step(Phase::CancelWork, "loading", CLOSING, async move {
                starting.abort();
                listening.abort();
            })
            // once nothing is done under them
            .with_step(Phase::ReleaseLeases, "leases", CLOSING, leading.end())
            .with_step(Phase::Flush, "audit", CLOSING, async move { trail.audit.settle().await })
            .with_step(Phase::Close, "plugins and database", CLOSING, async move {
                registry.stop().await;
                database.close().await;
            });
        // how each step went is in the log
        let _ = leaving.run().await?;
        Ok(())
    }
}

/// Waits for a task, however it ends.
async fn ended(task: JoinHandle<()>) {
    let _ = task.await;
}

/// What makes and reads page tokens: with the configured keys, or with one that all replicas share.
async fn tokens(config: &Config, database: &Database) -> Result<PageTokens, AnyError> {
    Ok(match config.page_token_keys.as_slice() {
        [] => page_tokens(&SqlSettingStore::new(database.clone())).await?,
        keys => {
            PageTokens::new(keys).map_err(|error| ConfigError::new("page_token_keys", error.to_string()))?
        }
    })
}

/// The route of what is counted, unless that is served on an address of its own.
async fn counts(config: &Config, counted: PrometheusHandle) -> Result<Routes, AnyError> {
    let Some(address) = config.metrics_listen else { return Ok(metrics::routes(counted)) };
    metrics::serve(address, limits(config), counted).await?;
    Ok(Routes::new())
}

fn limits(config: &Config) -> Limits {
    Limits {
        connections: config.http.max_connections,
        header_timeout: seconds(config.http.header_timeout_seconds),
        write_timeout: seconds(config.http.write_timeout_seconds),
    }
}

/// What this replica is called: by its Pod, else by its host.
fn replica() -> String {
    let named = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    let of_host =
        || std::fs::read_to_string("/proc/sys/kernel/hostname").ok().map(|name| name.trim().to_owned());
    named("POD_NAME").or_else(of_host).unwrap_or_else(|| "catalog-server".into())
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
            .chain(Jobs::<MemoryJobStore<Unaudited>>::shapes())
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
        let read = SourcesFile::parse(&text, plugins, check_schedule)
            .map_err(|faults| error(format!("\n{faults}")))?;
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

/// What is wrong with a schedule, if something is.
fn check_schedule(text: &str) -> Result<(), String> {
    text.parse::<Recurrence>().map(drop).map_err(|error| error.to_string())
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
