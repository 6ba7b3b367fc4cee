//! The table of settings. Flags, environment variables, defaults, `config` and `keys` all derive from it.

/// One setting.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a yes or no of the table")]
pub(crate) struct Setting {
    /// Its key in the file: `http.timeout_seconds`.
    pub(crate) key: &'static str,
    /// Its environment variable.
    pub(crate) env: &'static str,
    /// What its values are.
    pub(crate) kind: Kind,
    /// What it means, with its unit.
    pub(crate) meaning: &'static str,
    /// Its default in the demo profile; none if it may be absent or must be given.
    pub(crate) demo: Option<&'static str>,
    /// Its default in the production profile.
    pub(crate) production: Option<&'static str>,
    /// It must be given where there is no default.
    pub(crate) required: bool,
    /// Its value is never printed.
    pub(crate) secret: bool,
    /// It may be set and the demo stay a demo: it neither weakens nor widens anything.
    pub(crate) keeps_demo: bool,
    /// The short help tells it.
    pub(crate) often: bool,
}

/// What the values of a setting are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Text,
    Integer,
    /// Texts, with commas between them in the environment and in flags.
    List,
}

impl Kind {
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Text => "TEXT",
            Self::Integer => "NUMBER",
            Self::List => "LIST",
        }
    }

    /// What a value is, to be read after "is" or "must be".
    pub(crate) fn phrase(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Integer => "a whole number",
            Self::List => "a list of texts",
        }
    }
}

impl Setting {
    const fn new(key: &'static str, env: &'static str, kind: Kind, meaning: &'static str) -> Self {
        Self {
            key,
            env,
            kind,
            meaning,
            demo: None,
            production: None,
            required: false,
            secret: false,
            keeps_demo: false,
            often: false,
        }
    }

    const fn or(mut self, default: &'static str) -> Self {
        self.demo = Some(default);
        self.production = Some(default);
        self
    }

    const fn in_demo(mut self, default: &'static str) -> Self {
        self.demo = Some(default);
        self
    }

    const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    const fn keeps_demo(mut self) -> Self {
        self.keeps_demo = true;
        self
    }

    const fn often(mut self) -> Self {
        self.often = true;
        self
    }

    /// Its flag, without the dashes.
    pub(crate) fn flag(&self) -> String {
        self.env.strip_prefix("CATALOG_").unwrap_or(self.env).to_lowercase().replace('_', "-")
    }
}

use Kind::{Integer, List, Text};

/// All settings.
pub(crate) const SETTINGS: &[Setting] = &[
    Setting::new("profile", "CATALOG_PROFILE", Text, "`demo`: sample data, loopback only; or `production`. The default is `demo` until a setting is given that could matter")
        .often(),
    Setting::new("listen", "CATALOG_LISTEN", Text, "The address to listen on; port 0 picks a free one")
        .or("127.0.0.1:8080")
        .keeps_demo()
        .often(),
    Setting::new("listen_file", "CATALOG_LISTEN_FILE", Text, "A file to write the chosen address to").keeps_demo(),
    Setting::new("metrics_listen", "CATALOG_METRICS_LISTEN", Text, "An address of its own for `/metrics`, which is then not served on the other; the same listener if absent"),
    Setting::new("database.url", "CATALOG_DATABASE_URL", Text, "The database: `sqlite://` and a path, or `postgres://user:password@host/name`")
        .or("sqlite://./catalog-data/catalog.db")
        .often(),
    Setting::new("database.connections", "CATALOG_DATABASE_CONNECTIONS", Integer, "So many connections to the database at most; on SQLite so many that read")
        .or("8"),
    Setting::new("database.acquire_timeout_ms", "CATALOG_DATABASE_ACQUIRE_TIMEOUT_MS", Integer, "How long a request waits for a connection before it is refused with 503, in milliseconds")
        .or("2000"),
    Setting::new("database.statement_timeout_ms", "CATALOG_DATABASE_STATEMENT_TIMEOUT_MS", Integer, "How long a statement may take before it is ended, in milliseconds; on SQLite one that reads")
        .or("5000"),
    Setting::new("database.row_level_security", "CATALOG_DATABASE_ROW_LEVEL_SECURITY", Text, "`on`: PostgreSQL, too, lets each transaction see the rows of its tenants only; the user must be no superuser. `off`")
        .or("off"),
    Setting::new("sources.file", "CATALOG_SOURCES", Text, "A `sources.yaml` of Kubeflow's format, to load at the start")
        .keeps_demo()
        .often(),
    Setting::new("sources.root", "CATALOG_SOURCES_ROOT", Text, "The folder outside of which no catalog file is read; that of the sources file if absent")
        .keeps_demo(),
    Setting::new("sources.namespace", "CATALOG_SOURCES_NAMESPACE", Text, "The tenant that the sources file is loaded for")
        .or("default")
        .keeps_demo(),
    Setting::new("sources.timeout_seconds", "CATALOG_SOURCES_TIMEOUT_SECONDS", Integer, "How long reading one source may take, in seconds")
        .or("60")
        .keeps_demo(),
    Setting::new("tenancy.mode", "CATALOG_TENANCY_MODE", Text, "`single`: the one tenant `default`; `namespace`: many, each request names one")
        .in_demo("namespace")
        .production("single")
        .often(),
    Setting::new("tenancy.directory", "CATALOG_TENANCY_DIRECTORY", Text, "Which tenants there are. `configured`: those of `tenancy.namespaces`; `database`: those that `catalog-server namespaces` makes; `kubernetes`: the namespaces of the cluster; `profiles`: its Kubeflow profiles. The default is `configured` where namespaces are named"),
    Setting::new("tenancy.namespaces", "CATALOG_NAMESPACES", List, "The tenants, where the configuration names them"),
    Setting::new("tenancy.selector", "CATALOG_TENANCY_SELECTOR", Text, "The label selector of those namespaces or profiles of the cluster that are tenants: `catalog.kubeflow.org/tenant=true`; all of them if absent"),
    Setting::new("tenancy.limits", "CATALOG_TENANCY_LIMITS", Text, "A file of rates, quotas and weights, which is read again when it changes; without one those that `limits.yaml` beside the source shows"),
    Setting::new("tenancy.queue", "CATALOG_TENANCY_QUEUE", Integer, "So many requests of one tenant wait for their turn; others are refused with 503")
        .or("256"),
    Setting::new("tenancy.queue_wait_ms", "CATALOG_TENANCY_QUEUE_WAIT_MS", Integer, "How long a request waits for its turn before it is refused with 503, in milliseconds")
        .or("2000"),
    Setting::new("auth.mode", "CATALOG_AUTH_MODE", List, "How callers are known, by one or more of these. `oidc`: bearer tokens that the issuers of `auth.oidc_file` signed; `login`: browsers that log in at one of those issuers; `tokenreview`: bearer tokens that the Kubernetes cluster knows; `tokens`: bearer tokens of a list; `proxy`: the headers X-Remote-User and X-Remote-Group of a proxy that shows a secret; `anonymous`: who shows nothing is `system:anonymous`")
        .in_demo("tokens")
        .required()
        .often(),
    Setting::new("auth.tokens_file", "CATALOG_AUTH_TOKENS_FILE", Text, "The list of tokens, YAML or JSON: `{sha256, user, groups}` each; it is read again when it changes"),
    Setting::new("auth.oidc_file", "CATALOG_AUTH_OIDC_FILE", Text, "The list of OpenID Connect issuers, YAML or JSON: `{issuer, audiences, username_claim?, groups_claim?, …}` each"),
    Setting::new("auth.tokenreview_audiences", "CATALOG_AUTH_TOKENREVIEW_AUDIENCES", List, "Tokens that the cluster reviews have to be for one of these; without any, for the cluster's own API server"),
    Setting::new("auth.login_issuer", "CATALOG_AUTH_LOGIN_ISSUER", Text, "The URL of that issuer of `auth.oidc_file` at which browsers log in; its first if absent"),
    Setting::new("auth.login_client_id", "CATALOG_AUTH_LOGIN_CLIENT_ID", Text, "The client that the issuer knows the server as"),
    Setting::new("auth.login_client_secret", "CATALOG_AUTH_LOGIN_CLIENT_SECRET", Text, "The client's secret; a public client has none").secret(),
    Setting::new("auth.login_url", "CATALOG_AUTH_LOGIN_URL", Text, "Where browsers reach the server, without a path: `https://catalog.example.com`, or `http:` on a loopback address. The issuer has to know this with `/auth/callback` behind it"),
    Setting::new("auth.login_keys", "CATALOG_AUTH_LOGIN_KEYS", List, "Keys that seal the sessions of browsers, each at least 32 characters: the first seals, all open. Made and stored at the first start if empty")
        .or("")
        .secret(),
    Setting::new("auth.proxy_secret", "CATALOG_AUTH_PROXY_SECRET", Text, "The secret by which the proxy proves that it is the proxy, 16 bytes or more").secret(),
    Setting::new("auth.proxy_secret_header", "CATALOG_AUTH_PROXY_SECRET_HEADER", Text, "The header that the proxy sends the secret in")
        .or("x-proxy-secret"),
    Setting::new("authz.mode", "CATALOG_AUTHZ_MODE", Text, "What decides what callers may. `rbac`: roles and bindings of the server's own, which stand where `rbac.source` says; `rbac-kubernetes`: those of the Kubernetes cluster, followed; `sar`: the cluster, which is asked by SubjectAccessReview; `none`: nothing, everybody may do everything")
        .in_demo("rbac")
        .required()
        .often(),
    Setting::new("authz.api_group", "CATALOG_AUTHZ_API_GROUP", Text, "The API group of the catalog's resources in roles")
        .or("catalog.kubeflow.org"),
    Setting::new("rbac.source", "CATALOG_RBAC_SOURCE", Text, "Where roles and bindings stand. `files`: in `rbac.files`; `database`: in its tables, where `catalog-server rbac` writes them. `files` if absent"),
    Setting::new("rbac.files", "CATALOG_RBAC_FILES", List, "Files, or folders of files, of Kubernetes RBAC manifests: roles and bindings; they are read again when they change"),
    Setting::new("audit.guarantee", "CATALOG_AUDIT_GUARANTEE", Text, "What holds for the record of a change. `atomic`: it is part of the change's transaction; `intent`: and before that it is written what will be tried; `best-effort`: no request waits for it, and events may be lost")
        .or("atomic"),
    Setting::new("audit.retention_days", "CATALOG_AUDIT_RETENTION_DAYS", Integer, "For how many days events are kept; 0 keeps them for ever")
        .or("90"),
    Setting::new("audit.log_denied", "CATALOG_AUDIT_LOG_DENIED", Text, "`on`: it is recorded, too, when somebody is not allowed to read; `off`")
        .or("on"),
    Setting::new("audit.log_reads", "CATALOG_AUDIT_LOG_READS", Text, "`on`: it is recorded when somebody reads the record; `off`")
        .or("off"),
    Setting::new("audit.free_space_bytes", "CATALOG_AUDIT_FREE_SPACE_BYTES", Integer, "With less free than that on the volume of SQLite's file, in bytes, readiness tells of `audit_space` as degraded: without space nothing can be recorded, and so nothing be changed")
        .or("268435456"),
    Setting::new("audit.seal_key", "CATALOG_AUDIT_SEAL_KEY", Text, "The Ed25519 key that signs the record: 32 bytes in base64, or a PEM file's text. Without one, one is made and kept in the database, where it proves nothing against who can write there")
        .secret(),
    Setting::new("audit.seal_key_file", "CATALOG_AUDIT_SEAL_KEY_FILE", Text, "The file of that key"),
    Setting::new("audit.trusted_keys", "CATALOG_AUDIT_TRUSTED_KEYS", List, "Public keys of earlier times, whose signatures count, too; `catalog-server audit key` prints the present one"),
    Setting::new("audit.webhook_url", "CATALOG_AUDIT_WEBHOOK_URL", Text, "Where events are posted as a batch of CloudEvents"),
    Setting::new("audit.webhook_secret", "CATALOG_AUDIT_WEBHOOK_SECRET", Text, "The secret that signs them, 24 bytes or more").secret(),
    Setting::new("audit.otlp_endpoint", "CATALOG_AUDIT_OTLP_ENDPOINT", Text, "A collector of OpenTelemetry to send events to as logs, OTLP over HTTP: `http://127.0.0.1:4318`"),
    Setting::new("audit.file", "CATALOG_AUDIT_FILE", Text, "A file to append events to, one a line; it is rotated at 100 MiB"),
    Setting::new("job.concurrency", "CATALOG_JOB_CONCURRENCY", Integer, "So many jobs run at once in this replica")
        .or("3"),
    Setting::new("job.max_attempts", "CATALOG_JOB_MAX_ATTEMPTS", Integer, "So often a job is attempted before it has failed for good")
        .or("5"),
    Setting::new("job.lease_seconds", "CATALOG_JOB_LEASE_SECONDS", Integer, "For how long a replica has a job unless it shows a sign of life, in seconds")
        .or("30")
        // who kills the demo and starts it again waits no longer for what it was reading
        .in_demo("5"),
    Setting::new("job.per_tenant", "CATALOG_JOB_PER_TENANT", Integer, "So many jobs of one tenant run at once, in all replicas; as many as there are workers if absent"),
    Setting::new("job.per_plugin", "CATALOG_JOB_PER_PLUGIN", Integer, "So many jobs of one plugin run at once, in all replicas; as many as there are workers if absent"),
    Setting::new("job.timeout_seconds", "CATALOG_JOB_TIMEOUT_SECONDS", Integer, "So long an attempt at a job may take, in seconds")
        .or("900"),
    Setting::new("job.retention_succeeded_days", "CATALOG_JOB_RETENTION_SUCCEEDED_DAYS", Integer, "For how many days jobs that succeeded are kept, with their idempotency keys")
        .or("7"),
    Setting::new("job.retention_failed_days", "CATALOG_JOB_RETENTION_FAILED_DAYS", Integer, "For how many days jobs that failed are kept")
        .or("30"),
    Setting::new("job.retention_canceled_days", "CATALOG_JOB_RETENTION_CANCELED_DAYS", Integer, "For how many days jobs that were canceled are kept")
        .or("7"),
    Setting::new("leader.election", "CATALOG_LEADER_ELECTION", Text, "Where the lease stands that says which replica does what one does for all: see to configured sources and schedules, seal, remove and send audit events, remove old jobs. `database`; `kubernetes`: in the cluster; `off`: each replica does it. On SQLite there is one process, and no election but `kubernetes`")
        .or("database"),
    Setting::new("http.body_limit_bytes", "CATALOG_HTTP_BODY_LIMIT_BYTES", Integer, "The largest body of a request, in bytes")
        .or("1048576"),
    Setting::new("http.timeout_seconds", "CATALOG_HTTP_TIMEOUT_SECONDS", Integer, "How long a request may take, in seconds").or("30"),
    Setting::new("http.handler_timeout_seconds", "CATALOG_HTTP_HANDLER_TIMEOUT_SECONDS", Integer, "How long a plugin's handler may take before the answer is 504, in seconds")
        .or("10"),
    Setting::new("http.header_timeout_seconds", "CATALOG_HTTP_HEADER_TIMEOUT_SECONDS", Integer, "How long a connection may be open without a request, and the head of one may take to come, in seconds")
        .or("10"),
    Setting::new("http.write_timeout_seconds", "CATALOG_HTTP_WRITE_TIMEOUT_SECONDS", Integer, "How long a client may take nothing of its answer before it is cut off, in seconds")
        .or("30"),
    Setting::new("http.max_connections", "CATALOG_HTTP_MAX_CONNECTIONS", Integer, "How many connections may be open at once; others wait to be taken")
        .or("10000"),
    Setting::new("shutdown.delay_seconds", "CATALOG_SHUTDOWN_DELAY_SECONDS", Integer, "How long the server goes on taking requests after it has said that it is not ready, in seconds")
        .in_demo("0")
        .production("5"),
    Setting::new("shutdown.grace_seconds", "CATALOG_SHUTDOWN_GRACE_SECONDS", Integer, "How long requests under way may take after that, in seconds; Kubernetes kills a process 30 s after it has told it to leave")
        .or("20"),
    Setting::new("cache.discovery_ttl", "CATALOG_CACHE_DISCOVERY_TTL", Integer, "How long `/api/plugins` is kept, in seconds").or("60"),
    Setting::new("cache.capabilities_ttl", "CATALOG_CACHE_CAPABILITIES_TTL", Integer, "How long capabilities are kept, in seconds")
        .or("30"),
    Setting::new("cache.pages_bytes", "CATALOG_CACHE_PAGES_BYTES", Integer, "How much of the answers of lists is kept while what they list does not change, in bytes; 0 keeps none")
        .or("67108864"),
    Setting::new("cache.max_staleness_ms", "CATALOG_CACHE_MAX_STALENESS_MS", Integer, "How old a kept list may be after a change by another replica of which no news has come, in milliseconds")
        .or("1000"),
    Setting::new("page_token_keys", "CATALOG_PAGE_TOKEN_KEYS", List, "Keys of page tokens, each at least 32 characters: the first signs, all verify. Made and stored at the first start if empty")
        .or("")
        .secret(),
    Setting::new("log.format", "CATALOG_LOG_FORMAT", Text, "`human` or `json`").in_demo("human").production("json").keeps_demo(),
    Setting::new("log.filter", "CATALOG_LOG_FILTER", Text, "What is logged, as `tracing` directives: `info,catalog_core=debug`")
        .or("info")
        .keeps_demo(),
];

impl Setting {
    const fn production(mut self, default: &'static str) -> Self {
        self.production = Some(default);
        self
    }
}
