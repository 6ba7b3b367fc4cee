//! Which tenants there are, and how often and how much each may.

use std::sync::Arc;

use catalog_audit::{AuditRecorder, store::SqlAuditStore};
use catalog_core::{
    directory::NamespaceDirectory,
    name::Namespace,
    store::{
        Attribution, Changes, StoreError, StoreErrorKind,
        database::{Database, Transaction},
        hook::Admission,
    },
};
use catalog_tenancy::{
    bulkhead::{BulkheadConfig, Permits},
    directory::{CachedDirectory, ConfiguredDirectory, KubernetesDirectory, SqlNamespaceStore},
    http::TenancyMode,
    quota::{QuotasInForce, TenantAdmission},
    rate_limit::RateLimiters,
};

use crate::{
    AnyError,
    cluster::Cluster,
    config::{Config, DirectorySource, milliseconds},
    limits::{LastRead, Limits, watch},
};

/// On whose account the configured tenants are made.
const CONFIGURATION: Attribution = Attribution::system("configuration");
/// The one tenant of the tenancy mode `single`.
pub(crate) const DEFAULT: &str = "default";

/// What the layers and stores need to know of tenants.
#[derive(Clone, Debug)]
pub(crate) struct Tenants {
    pub(crate) mode: TenancyMode,
    pub(crate) default: Namespace,
    pub(crate) directory: Arc<dyn NamespaceDirectory>,
    pub(crate) admission: Arc<dyn Admission<Transaction>>,
    pub(crate) limiters: RateLimiters,
    pub(crate) permits: Permits,
    pub(crate) last_read: LastRead,
    store: Option<SqlNamespaceStore<AuditRecorder<SqlAuditStore>>>,
}

impl Tenants {
    /// As the configuration says, and with a directory in that cluster or database, if it is to be there.
    pub(crate) async fn new(
        config: &Config,
        cluster: &Cluster,
        database: &Database,
        changes: &Changes,
        recorder: AuditRecorder<SqlAuditStore>,
    ) -> Result<Self, AnyError> {
        let default = Namespace::new(DEFAULT)?;
        let limits = Limits::read(config.tenancy.limits.as_deref())?;
        let limiters = RateLimiters::new(&limits.rates);
        let bulkhead = BulkheadConfig {
            permits: usize::try_from(config.database.connections).unwrap_or(usize::MAX),
            queue: usize::try_from(config.tenancy.queue).unwrap_or(usize::MAX),
            wait: milliseconds(config.tenancy.queue_wait_ms),
            weights: limits.weights.clone(),
        };
        let mode = config.tenancy.mode;
        let permits = match mode {
            TenancyMode::Single => Permits::single(bulkhead),
            TenancyMode::Namespace => Permits::many(bulkhead),
        };
        let last_read = LastRead::default();
        let is_kept = config.tenancy.directory() == DirectorySource::Database;
        let store = is_kept.then(|| SqlNamespaceStore::new(database.clone(), recorder, changes.clone()));
        let quotas = QuotasInForce::new(limits.quotas.clone());
        let (directory, admission): (Arc<dyn NamespaceDirectory>, Arc<dyn Admission<Transaction>>) =
            if let Some(store) = &store {
                let kept = CachedDirectory::new(store.clone(), milliseconds(config.cache.max_staleness_ms));
                let admission = TenantAdmission::new(Arc::new(store.clone()), quotas.clone());
                (Arc::new(kept.hearing(changes)), Arc::new(admission))
            } else if let Some(cluster) = of_cluster(config, cluster).await? {
                let directory: Arc<dyn NamespaceDirectory> = Arc::new(cluster);
                let admission = TenantAdmission::new(Arc::clone(&directory), quotas.clone());
                (directory, Arc::new(admission))
            } else {
                let names = match mode {
                    TenancyMode::Single => vec![default.clone()],
                    TenancyMode::Namespace => config.tenancy.namespaces.clone(),
                };
                let directory: Arc<dyn NamespaceDirectory> = Arc::new(ConfiguredDirectory::of_names(names));
                let admission = TenantAdmission::new(Arc::clone(&directory), quotas.clone());
                (directory, Arc::new(admission))
            };
        if let Some(file) = config.tenancy.limits.clone() {
            let (limiters, permits) = (limiters.clone(), permits.clone());
            // for as long as the process lives
            tokio::spawn(watch(file, limits, last_read.clone(), move |limits| {
                limiters.replace(&limits.rates);
                permits.replace_weights(limits.weights.clone());
                quotas.replace(limits.quotas.clone());
            }));
        }
        Ok(Self { mode, default, directory, admission, limiters, permits, last_read, store })
    }

    /// Makes those tenants, where the database is the directory: the configuration names them, so they are wanted.
    pub(crate) async fn ensure(&self, names: impl IntoIterator<Item = &Namespace>) -> Result<(), StoreError> {
        let Some(store) = &self.store else { return Ok(()) };
        for name in names {
            match store.create(&CONFIGURATION, name).await {
                Ok(_) => {}
                Err(error) if error.kind() == StoreErrorKind::NotAdmitted => {
                    tracing::warn!(namespace = %name, "the namespace is being deleted, and the configuration names it");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// The cluster's directory, where it is to be that; followed for as long as the process lives.
async fn of_cluster(config: &Config, cluster: &Cluster) -> Result<Option<KubernetesDirectory>, AnyError> {
    let of = match config.tenancy.directory() {
        DirectorySource::Kubernetes => KubernetesDirectory::namespaces,
        DirectorySource::Profiles => KubernetesDirectory::profiles,
        DirectorySource::Configured | DirectorySource::Database => return Ok(None),
    };
    let directory = of(cluster.client("tenancy.directory").await?, config.tenancy.selector.as_deref());
    tokio::spawn({
        let directory = directory.clone();
        async move { directory.run().await }
    });
    Ok(Some(directory))
}
