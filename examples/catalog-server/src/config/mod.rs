//! The settings: one table, read from file, environment and flags, in that order; an unknown key is an error.

mod setting;
mod settings;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use catalog_audit::Guarantee;
use catalog_core::{name::Namespace, page::PageTokens};
pub(crate) use catalog_tenancy::http::TenancyMode;
use serde::Deserialize;
use tracing_subscriber::EnvFilter;

pub(crate) use self::{
    setting::{SETTINGS, Setting},
    settings::{ConfigError, Origin, Settings},
};

/// The settings, typed. Each field's meaning and default stand in [`SETTINGS`].
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) profile: Profile,
    pub(crate) listen: SocketAddr,
    pub(crate) listen_file: Option<PathBuf>,
    pub(crate) metrics_listen: Option<SocketAddr>,
    pub(crate) database: Database,
    pub(crate) sources: Sources,
    pub(crate) tenancy: Tenancy,
    pub(crate) auth: Auth,
    pub(crate) authz: Authz,
    #[serde(default)]
    pub(crate) rbac: Rbac,
    pub(crate) audit: Audit,
    pub(crate) job: Job,
    pub(crate) leader: Leader,
    pub(crate) http: Http,
    pub(crate) shutdown: Shutdown,
    pub(crate) cache: Cache,
    pub(crate) page_token_keys: Vec<String>,
    pub(crate) log: Log,
}

/// What the server is for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Profile {
    /// A look at it: sample data, loopback only.
    Demo,
    /// Work.
    Production,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Database {
    pub(crate) url: String,
    pub(crate) connections: u32,
    pub(crate) acquire_timeout_ms: u32,
    pub(crate) statement_timeout_ms: u32,
    pub(crate) row_level_security: Switch,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Switch {
    #[serde(alias = "true")]
    On,
    #[serde(alias = "false")]
    Off,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sources {
    pub(crate) file: Option<PathBuf>,
    pub(crate) root: Option<PathBuf>,
    pub(crate) namespace: Namespace,
    pub(crate) timeout_seconds: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tenancy {
    pub(crate) mode: TenancyMode,
    directory: Option<DirectorySource>,
    #[serde(default)]
    pub(crate) namespaces: Vec<Namespace>,
    pub(crate) selector: Option<String>,
    pub(crate) limits: Option<PathBuf>,
    pub(crate) queue: u32,
    pub(crate) queue_wait_ms: u32,
}

/// Where it stands which tenants there are.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DirectorySource {
    /// In the configuration.
    Configured,
    /// In the database.
    Database,
    /// In the Kubernetes cluster that the server runs in: its namespaces.
    Kubernetes,
    /// There, Kubeflow's profiles.
    Profiles,
}

impl Tenancy {
    /// Where it stands which tenants there are. The one tenant of a server of one is there anyway.
    pub(crate) fn directory(&self) -> DirectorySource {
        let named = match self.namespaces.as_slice() {
            [] => DirectorySource::Database,
            _ => DirectorySource::Configured,
        };
        match self.mode {
            TenancyMode::Single => DirectorySource::Configured,
            TenancyMode::Namespace => self.directory.unwrap_or(named),
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Auth {
    pub(crate) mode: Vec<AuthMode>,
    pub(crate) tokens_file: Option<PathBuf>,
    pub(crate) oidc_file: Option<PathBuf>,
    #[serde(default)]
    pub(crate) tokenreview_audiences: Vec<String>,
    pub(crate) login_issuer: Option<String>,
    pub(crate) login_client_id: Option<String>,
    pub(crate) login_client_secret: Option<String>,
    pub(crate) login_url: Option<String>,
    #[serde(default)]
    pub(crate) login_keys: Vec<String>,
    pub(crate) proxy_secret: Option<String>,
    pub(crate) proxy_secret_header: String,
}

impl Auth {
    /// Checks that what logins need is there, and nothing of it where there are none.
    fn validate_login(&self) -> Result<(), ConfigError> {
        let is_on = self.mode.contains(&AuthMode::Login);
        for (key, is_set, is_needed) in [
            ("auth.login_issuer", self.login_issuer.is_some(), false),
            ("auth.login_client_id", self.login_client_id.is_some(), true),
            ("auth.login_client_secret", self.login_client_secret.is_some(), false),
            ("auth.login_url", self.login_url.is_some(), true),
            ("auth.login_keys", !self.login_keys.is_empty(), false),
        ] {
            if is_set && !is_on {
                return Err(ConfigError::new(key, "goes only with the mode `login`"));
            }
            if is_on && is_needed && !is_set {
                return Err(ConfigError::new(key, "must be set for the mode `login`"));
            }
        }
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AuthMode {
    /// By bearer tokens of a list.
    Tokens,
    /// By tokens that OpenID Connect issuers signed.
    Oidc,
    /// By a session that a browser was given for a login at an OpenID Connect issuer.
    Login,
    /// By the headers of a proxy that shows a secret.
    Proxy,
    /// By tokens that the Kubernetes cluster reviews.
    TokenReview,
    /// Who shows nothing is `system:anonymous`.
    Anonymous,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Authz {
    pub(crate) mode: AuthzMode,
    pub(crate) api_group: String,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AuthzMode {
    /// Everybody may do everything.
    None,
    /// Roles and bindings of files or of the database.
    Rbac,
    /// The roles and bindings of the Kubernetes cluster, followed.
    RbacKubernetes,
    /// The Kubernetes cluster, asked each time.
    Sar,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rbac {
    source: Option<RbacSource>,
    #[serde(default)]
    pub(crate) files: Vec<PathBuf>,
}

/// Where roles and bindings stand, if the server decides by its own.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RbacSource {
    /// In files.
    Files,
    /// In the database.
    Database,
}

impl Rbac {
    /// Where roles and bindings stand.
    pub(crate) fn source(&self) -> RbacSource {
        self.source.unwrap_or(RbacSource::Files)
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Audit {
    pub(crate) guarantee: Guarantee,
    pub(crate) retention_days: u32,
    pub(crate) log_denied: Switch,
    pub(crate) log_reads: Switch,
    pub(crate) free_space_bytes: u64,
    pub(crate) seal_key: Option<String>,
    pub(crate) seal_key_file: Option<PathBuf>,
    #[serde(default)]
    pub(crate) trusted_keys: Vec<String>,
    pub(crate) webhook_url: Option<String>,
    pub(crate) webhook_secret: Option<String>,
    pub(crate) otlp_endpoint: Option<String>,
    pub(crate) file: Option<PathBuf>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Job {
    pub(crate) concurrency: u32,
    pub(crate) max_attempts: u32,
    pub(crate) lease_seconds: u32,
    pub(crate) per_tenant: Option<u32>,
    pub(crate) per_plugin: Option<u32>,
    pub(crate) timeout_seconds: u32,
    pub(crate) retention_succeeded_days: u32,
    pub(crate) retention_failed_days: u32,
    pub(crate) retention_canceled_days: u32,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Leader {
    pub(crate) election: LeaderElection,
}

/// Where the lease stands that says which replica does what one does for all.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LeaderElection {
    /// In the database.
    Database,
    /// In the Kubernetes cluster.
    Kubernetes,
    /// There is none: each replica does it.
    Off,
}

impl Audit {
    fn validate(&self) -> Result<(), ConfigError> {
        if self.seal_key.is_some() && self.seal_key_file.is_some() {
            return Err(ConfigError::new("audit.seal_key_file", "is not for use beside `audit.seal_key`"));
        }
        if self.webhook_url.is_some() != self.webhook_secret.is_some() {
            return Err(ConfigError::new(
                "audit.webhook_secret",
                "goes with `audit.webhook_url`, and only with it",
            ));
        }
        Ok(())
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Http {
    pub(crate) body_limit_bytes: usize,
    pub(crate) timeout_seconds: u32,
    pub(crate) handler_timeout_seconds: u32,
    pub(crate) header_timeout_seconds: u32,
    pub(crate) write_timeout_seconds: u32,
    pub(crate) max_connections: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Shutdown {
    pub(crate) delay_seconds: u32,
    pub(crate) grace_seconds: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cache {
    pub(crate) discovery_ttl: u32,
    pub(crate) capabilities_ttl: u32,
    pub(crate) pages_bytes: u64,
    pub(crate) max_staleness_ms: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Log {
    pub(crate) format: LogFormat,
    pub(crate) filter: String,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    Human,
    /// For programs, one object a line.
    Json,
}

/// Whole milliseconds as a span.
pub(crate) fn milliseconds(number: u32) -> Duration {
    Duration::from_millis(number.into())
}

/// Whole seconds as a span.
pub(crate) fn seconds(number: u32) -> Duration {
    Duration::from_secs(number.into())
}

impl Config {
    /// Whether nothing decides what callers may.
    pub(crate) fn authz_is_open(&self) -> bool {
        self.authz.mode == AuthzMode::None
    }

    /// Checks that what the ways to be known and to be allowed need is there.
    fn validate_access(&self) -> Result<(), ConfigError> {
        let (auth, demo) = (&self.auth, self.profile == Profile::Demo);
        if auth.mode.is_empty() {
            return Err(ConfigError::new("auth.mode", "must name at least one way"));
        }
        let repeats = |(index, mode)| auth.mode.iter().take(index).any(|before| before == mode);
        if auth.mode.iter().enumerate().any(repeats) {
            return Err(ConfigError::new("auth.mode", "names one way twice"));
        }
        let has = |mode| auth.mode.contains(&mode);
        if has(AuthMode::Tokens) && auth.tokens_file.is_none() && !demo {
            return Err(ConfigError::new("auth.tokens_file", "must be set for the mode `tokens`"));
        }
        if has(AuthMode::Proxy) != auth.proxy_secret.is_some() {
            return Err(ConfigError::new(
                "auth.proxy_secret",
                "goes with the mode `proxy`, and only with it",
            ));
        }
        if (has(AuthMode::Oidc) || has(AuthMode::Login)) != auth.oidc_file.is_some() {
            return Err(ConfigError::new(
                "auth.oidc_file",
                "goes with the modes `oidc` and `login`, and only with them",
            ));
        }
        auth.validate_login()?;
        if !has(AuthMode::TokenReview) && !auth.tokenreview_audiences.is_empty() {
            return Err(ConfigError::new(
                "auth.tokenreview_audiences",
                "goes only with the mode `tokenreview`",
            ));
        }
        self.validate_policy(demo)
    }

    /// Checks that there is one place where the policy stands.
    fn validate_policy(&self, demo: bool) -> Result<(), ConfigError> {
        let (mode, rbac) = (self.authz.mode, &self.rbac);
        if self.authz.api_group.is_empty() {
            return Err(ConfigError::new("authz.api_group", "is empty"));
        }
        if mode != AuthzMode::Rbac && (rbac.source.is_some() || !rbac.files.is_empty()) {
            return Err(ConfigError::new(
                "authz.mode",
                "is not `rbac`, so `rbac.source` and `rbac.files` mean nothing",
            ));
        }
        match rbac.source() {
            RbacSource::Files if mode == AuthzMode::Rbac && rbac.files.is_empty() && !demo => {
                Err(ConfigError::new(
                    "rbac.files",
                    "must be set for the mode `rbac`, or `rbac.source` be `database`",
                ))
            }
            RbacSource::Database if !rbac.files.is_empty() => {
                Err(ConfigError::new("rbac.files", "go with the source `files`, and not with `database`"))
            }
            _ => Ok(()),
        }
    }

    /// Checks what the single types cannot say.
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        if self.profile == Profile::Demo && !self.listen.ip().is_loopback() {
            return Err(ConfigError::new("listen", "the demo profile is served on loopback only"));
        }
        for (key, path) in [
            ("listen_file", &self.listen_file),
            ("sources.file", &self.sources.file),
            ("sources.root", &self.sources.root),
            ("tenancy.limits", &self.tenancy.limits),
            ("auth.tokens_file", &self.auth.tokens_file),
            ("auth.oidc_file", &self.auth.oidc_file),
            ("audit.seal_key_file", &self.audit.seal_key_file),
            ("audit.file", &self.audit.file),
        ] {
            if path.as_ref().is_some_and(|path| path.as_os_str().is_empty()) {
                return Err(ConfigError::new(key, "is empty; without the setting there is none"));
            }
        }
        EnvFilter::try_new(&self.log.filter)
            .map_err(|error| ConfigError::new("log.filter", error.to_string()))?;
        if !self.page_token_keys.is_empty() {
            PageTokens::new(&self.page_token_keys)
                .map_err(|error| ConfigError::new("page_token_keys", error.to_string()))?;
        }
        for (key, number) in [
            ("job.concurrency", self.job.concurrency),
            ("job.max_attempts", self.job.max_attempts),
            ("job.lease_seconds", self.job.lease_seconds),
            ("job.per_tenant", self.job.per_tenant.unwrap_or(1)),
            ("job.per_plugin", self.job.per_plugin.unwrap_or(1)),
            ("job.timeout_seconds", self.job.timeout_seconds),
            ("job.retention_succeeded_days", self.job.retention_succeeded_days),
            ("job.retention_failed_days", self.job.retention_failed_days),
            ("job.retention_canceled_days", self.job.retention_canceled_days),
            ("http.timeout_seconds", self.http.timeout_seconds),
            ("http.handler_timeout_seconds", self.http.handler_timeout_seconds),
            ("http.header_timeout_seconds", self.http.header_timeout_seconds),
            ("http.write_timeout_seconds", self.http.write_timeout_seconds),
            ("http.max_connections", self.http.max_connections),
            ("tenancy.queue_wait_ms", self.tenancy.queue_wait_ms),
            ("sources.timeout_seconds", self.sources.timeout_seconds),
            ("database.connections", self.database.connections),
            ("database.acquire_timeout_ms", self.database.acquire_timeout_ms),
            ("database.statement_timeout_ms", self.database.statement_timeout_ms),
        ] {
            if number == 0 {
                return Err(ConfigError::new(key, "must be at least 1"));
            }
        }
        if self.tenancy.mode == TenancyMode::Single && self.sources.namespace.as_str() != "default" {
            return Err(ConfigError::new(
                "sources.namespace",
                "must be `default`, the one namespace of the tenancy mode `single`",
            ));
        }
        self.validate_access()?;
        self.audit.validate()?;
        let is_configured = self.tenancy.directory() == DirectorySource::Configured;
        if self.tenancy.mode == TenancyMode::Namespace && is_configured {
            if self.tenancy.namespaces.is_empty() {
                return Err(ConfigError::new("tenancy.directory", "`configured` needs `tenancy.namespaces`"));
            }
            if self.sources.file.is_some() && !self.tenancy.namespaces.contains(&self.sources.namespace) {
                let how = format!("`{}` is none of `tenancy.namespaces`", self.sources.namespace);
                return Err(ConfigError::new("sources.namespace", how));
            }
        } else if !self.tenancy.namespaces.is_empty() {
            let how = "is of use only with the tenancy mode `namespace` and the directory `configured`";
            return Err(ConfigError::new("tenancy.namespaces", how));
        }
        if self.profile == Profile::Demo
            && self.metrics_listen.is_some_and(|address| !address.ip().is_loopback())
        {
            return Err(ConfigError::new("metrics_listen", "the demo profile is served on loopback only"));
        }
        let url = &self.database.url;
        let is_postgres = url.starts_with("postgres://") || url.starts_with("postgresql://");
        if !is_postgres && !url.starts_with("sqlite:") {
            return Err(ConfigError::new("database.url", "must begin with `sqlite:` or `postgres://`"));
        }
        if !is_postgres && self.database.row_level_security == Switch::On {
            return Err(ConfigError::new("database.row_level_security", "is to be had on PostgreSQL only"));
        }
        Ok(())
    }
}
