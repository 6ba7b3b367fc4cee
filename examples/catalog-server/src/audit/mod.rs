//! The record of what was done: written with each change, sealed, sent on, and kept for as long as is configured.

mod space;

use std::{fs, time::Duration};

use catalog_audit::{
    Audit, AuditConfig, AuditRecorder, AuditWriter, IntentSweeper, Retention, RetentionConfig, WriterConfig,
    http::AuditApi,
    seal::{SealKey, Sealer, TrustedKeys},
    sink::{Exporter, FileSink, FileSinkConfig, OtlpSink, WebhookSink},
    store::{MemoryAuditStore, SqlAuditStore},
};
use catalog_core::{
    http::{Routes, Shape},
    page::PageTokens,
    store::{
        SettingStore,
        database::{Database, Transaction},
        hook::Fence,
        sql::SqlSettingStore,
    },
    tenant::TenantScope,
};
use catalog_ha::{Component, State};

use self::space::Space;
use crate::{
    AnyError,
    config::{Config, ConfigError, Switch},
};

/// The record in the database, and what writes and reads it.
#[derive(Clone, Debug)]
pub(crate) struct Trail {
    pub(crate) audit: Audit,
    store: SqlAuditStore,
    key: SealKey,
    trusted: TrustedKeys,
    exporters: Vec<Exporter<SqlAuditStore>>,
    pub(crate) space: Space,
}

/// An intent that is so old belongs to a request that was cut off: none may take half as long.
const CUT_OFF: Duration = Duration::from_mins(10);
/// A sink that is so far behind is told of.
const LATE: Duration = Duration::from_mins(5);

impl Trail {
    /// As the configuration says, in that database. It needs a runtime, on which the writer goes on for as long as the process lives.
    pub(crate) async fn new(config: &Config, database: &Database) -> Result<Self, AnyError> {
        let store = SqlAuditStore::new(database.clone());
        let writer = AuditWriter::spawn(store.clone(), WriterConfig::default());
        let mut how = AuditConfig::default();
        how.guarantee = config.audit.guarantee;
        how.denied_reads = config.audit.log_denied == Switch::On;
        let key = key(config, database).await?;
        let trusted = trusted(config, &key)?;
        let exporters = exporters(config, &store)?;
        for exporter in &exporters {
            exporter.register().await?;
        }
        let space = Space::of(database, config.audit.free_space_bytes).await?;
        // for as long as the process lives
        tokio::spawn(space.clone().watch());
        Ok(Self { audit: Audit::new(writer, how), store, key, trusted, exporters, space })
    }

    /// What puts the event of each change into the change's own transaction.
    pub(crate) fn recorder(&self) -> AuditRecorder<SqlAuditStore> {
        AuditRecorder::new(self.store.clone())
    }

    /// The routes by which events are read.
    pub(crate) fn routes(&self, config: &Config, tokens: PageTokens) -> Routes {
        routes(config, AuditApi::new(self.store.clone(), self.trusted.clone(), tokens))
    }

    /// Seals, removes and sends events of all tenants, for as long as the fence holds and this is polled; they are kept for so many days.
    pub(crate) async fn keep(&self, all: &TenantScope, days: u32, fence: &impl Fence<Transaction>) {
        let sealer = Sealer::new(self.store.clone(), self.key.clone());
        let mut kept = RetentionConfig::default();
        kept.days = days;
        let retention = Retention::new(self.store.clone(), self.key.clone(), kept);
        let sweeper = IntentSweeper::new(self.store.clone(), CUT_OFF);
        let exporting = futures_util::future::join_all(self.exporters.iter().map(Exporter::run));
        futures_util::join!(sealer.run(fence), retention.run(all, fence), sweeper.run(), exporting);
    }

    /// Failed while no event can be written, since nothing can be changed then; degraded while a sink is behind.
    pub(crate) async fn component(&self) -> Component {
        if let Some(since) = self.audit.writer().failing_since() {
            let seconds = since.elapsed().as_secs();
            return Component::degraded(format!(
                "no event could be written for {seconds} s, and nothing can be changed"
            ));
        }
        let mut whole = Component::ok();
        for exporter in &self.exporters {
            let part = match exporter.lag().await {
                Err(error) => Component::degraded(error.to_string()),
                Ok(lag) => match lag.parked {
                    Some(why) => Component::degraded(format!("parked: {why}")),
                    None if lag.age > LATE => Component::degraded(format!("{} s behind", lag.age.as_secs())),
                    None => Component::ok(),
                },
            };
            if part.status != State::Ok && whole.detail.is_none() {
                whole = Component { details: whole.details, ..Component::degraded("a sink is behind") };
            }
            whole = whole.with_part(exporter.name(), part);
        }
        whole
    }
}

/// The routes as the document shows them.
pub(crate) fn offline(config: &Config, tokens: PageTokens) -> Routes {
    routes(config, AuditApi::new(MemoryAuditStore::new(), TrustedKeys::new(), tokens))
}

fn routes<S>(config: &Config, api: AuditApi<S>) -> Routes
where
    S: catalog_audit::store::AuditStore + catalog_audit::store::SealStore + Clone,
{
    match config.audit.log_reads {
        Switch::On => api.with_audited_reads().routes(),
        Switch::Off => api.routes(),
    }
}

/// The key that signs: the configured one, or one that is made at the first start and kept in the database, which is no proof
/// against whoever can write there.
pub(crate) async fn key(config: &Config, database: &Database) -> Result<SealKey, AnyError> {
    let audit = &config.audit;
    let parse = |key: &'static str, text: &str| {
        SealKey::parse(text).map_err(|error| ConfigError::new(key, error.to_string()))
    };
    if let Some(text) = &audit.seal_key {
        return Ok(parse("audit.seal_key", text)?);
    }
    if let Some(path) = &audit.seal_key_file {
        let text = fs::read_to_string(path).map_err(|error| {
            ConfigError::new("audit.seal_key_file", format!("`{}`: {error}", path.display()))
        })?;
        return Ok(parse("audit.seal_key_file", &text)?);
    }
    let settings = SqlSettingStore::new(database.clone());
    Ok(SealKey::parse(&settings.get_or_insert("audit_seal_key", SealKey::generate()?).await?)?)
}

pub(crate) fn trusted(config: &Config, key: &SealKey) -> Result<TrustedKeys, ConfigError> {
    let others = &config.audit.trusted_keys;
    others.iter().try_fold(TrustedKeys::new().with_key(key), |keys, other| {
        keys.with(other)
            .map_err(|_| ConfigError::new("audit.trusted_keys", format!("`{other}` is no public key")))
    })
}

/// Where events are sent.
pub(crate) fn exporters(
    config: &Config,
    store: &SqlAuditStore,
) -> Result<Vec<Exporter<SqlAuditStore>>, ConfigError> {
    let (audit, mut exporters) = (&config.audit, Vec::new());
    if let Some(url) = &audit.webhook_url {
        let secret = audit.webhook_secret.clone().unwrap_or_default();
        let sink = WebhookSink::new(url, secret.as_bytes(), "catalog-server")
            .map_err(|error| ConfigError::new("audit.webhook_url", error.to_string()).caused_by(error))?;
        exporters.push(Exporter::new("webhook", store.clone(), sink));
    }
    if let Some(endpoint) = &audit.otlp_endpoint {
        let sink = OtlpSink::new(endpoint, "catalog-server")
            .map_err(|error| ConfigError::new("audit.otlp_endpoint", error.to_string()))?;
        exporters.push(Exporter::new("otlp", store.clone(), sink));
    }
    if let Some(path) = &audit.file {
        let sink = FileSink::new(FileSinkConfig::new(path.clone()));
        exporters.push(Exporter::new("file", store.clone(), sink));
    }
    Ok(exporters)
}

/// The shapes that the document refers to, by name.
pub(crate) fn shapes() -> Vec<(String, Shape)> {
    AuditApi::<MemoryAuditStore>::shapes()
}
