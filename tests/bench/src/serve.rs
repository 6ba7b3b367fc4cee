//! One server with the catalog's routes and, beside them, the baselines: what could be served with the same engine at the least.

use std::{
    io::Write,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::Bytes;
use catalog_core::{
    authorizer::InsecureAllowAll,
    context::RequestContextLayer,
    http::{Catalog, CatalogConfig, DescribeProblemsLayer, Doc, Reply, Routes},
    page::PageTokens,
    permission::{Permission, Reach, Resource, Verb},
    plugin::{DataPlugin, Plugin, builtin},
    registry::{Registry, RegistryConfig},
    store::{
        hook::{Unaudited, Unqueued},
        sql::{SqlAssetStore, SqlSourceStore},
    },
};
use catalog_rbac::{AuthenticateLayer, AuthorizeLayer};
use catalog_tenancy::{
    ResolveTenantLayer,
    admit::AdmitTenantLayer,
    bulkhead::{BulkheadConfig, IsolateTenantLayer, Permits},
    directory::ConfiguredDirectory,
    rate_limit::{LimitRateLayer, RateLimiters},
};
use http::{Request, StatusCode, header};
use moka::future::Cache;
use rusqlite::{Connection, OpenFlags};
use sqlx::{AssertSqlSafe, PgPool, Row, postgres::PgPoolOptions};
use tokio::net::TcpListener;
use tower::{ServiceBuilder, ServiceExt};

use crate::{AnyError, neighbour, seed};

/// Serves on a port of its own, which it prints, until it is ended.
pub(crate) async fn run(url: &str, cached: bool, limit_t1: bool) -> Result<(), AnyError> {
    let database = seed::open(url).await?;
    let plugins = builtin()?.into_iter().map(|plugin| Arc::new(DataPlugin::new(plugin)) as Arc<dyn Plugin>);
    let registry = Registry::new(plugins, RegistryConfig::default())?;
    registry.start().await;
    let config = CatalogConfig { pages_bytes: if cached { 64 << 20 } else { 0 }, ..CatalogConfig::default() };
    let catalog = Catalog::new(
        registry,
        SqlAssetStore::new(database.clone(), Unaudited),
        SqlSourceStore::new(database, Unaudited, Unqueued),
        PageTokens::new([PageTokens::generate_key()?])?,
        config,
    );
    let limiters = RateLimiters::new(&serde_json::from_value(limits(limit_t1))?);
    let tenants = (0..10_000).map(|tenant| format!("t{tenant}").parse());
    let directory = Arc::new(ConfiguredDirectory::of_names(tenants.collect::<Result<Vec<_>, _>>()?));
    let permits = Permits::many(BulkheadConfig { permits: CONNECTIONS, ..BulkheadConfig::default() });
    let protection = ServiceBuilder::new()
        .layer(LimitRateLayer::peers(&limiters))
        .layer(AuthenticateLayer::anonymous())
        .layer(ResolveTenantLayer::many())
        .layer(AuthorizeLayer::new(InsecureAllowAll))
        .layer(AdmitTenantLayer::new(directory))
        .layer(LimitRateLayer::callers(&limiters))
        .layer(IsolateTenantLayer::new(&permits));
    let edge = ServiceBuilder::new().layer(RequestContextLayer::new()).layer(DescribeProblemsLayer::new());
    let router = catalog.routes().merge(through()).into_router(&protection)?.layer(edge);
    let bare = bare(bytes(&router, "/api/plugins").await?, bytes(&router, LISTED).await?);
    let raw = match url.strip_prefix("sqlite://") {
        Some(file) => sqlite(file)?,
        None => postgres(url).await?,
    };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    std::io::stdout().flush()?;
    axum::serve(listener, Router::new().merge(router).merge(raw).merge(bare)).await?;
    Ok(())
}

/// So many requests are under way at once, as the reference server has it by default.
const CONNECTIONS: usize = 8;

/// Limits that nobody reaches, so that it is counted and nobody refused; but for t1, if it is to be limited.
fn limits(limit_t1: bool) -> serde_json::Value {
    let tenants = if limit_t1 {
        serde_json::json!({"t1": {"tenant": {"read": format!("{}/s", neighbour::LIMIT)}}})
    } else {
        serde_json::json!({})
    };
    let high = "1000000/s burst 1000000000";
    serde_json::json!({"peer": high, "tenant": {"read": high}, "identity": {"read": high}, "tenants": tenants})
}

/// A handler that does nothing, through all that a request of a tenant's route passes.
fn through() -> Routes {
    let may = Permission::new(Verb::Get, Resource::Assets, Reach::Tenant);
    let doc = Doc::new("through", "Says that all is well.", Reply::text("application/json", "A word."));
    Routes::new()
        .get("/through/hello", may, doc, || std::future::ready(json(Body::from(r#"{"status":"ok"}"#))))
}

/// The list that is measured.
const LISTED: &str = "/api/mcp_catalog/v1alpha1/mcpservers?namespace=t0";

/// What the catalog answers, to be answered without it.
async fn bytes(router: &Router, path: &str) -> Result<Bytes, AnyError> {
    let response = router.clone().oneshot(Request::get(path).body(Body::empty())?).await?;
    Ok(axum::body::to_bytes(response.into_body(), usize::MAX).await?)
}

/// The web framework, and a cache, with nothing else: the same bytes as the catalog's.
fn bare(discovery: Bytes, page: Bytes) -> Router {
    let ready: Cache<(String, u64), Bytes> = Cache::new(1_000);
    let from_cache = move || {
        let (ready, page) = (ready.clone(), page.clone());
        async move {
            let page = ready.get_with(("t0 mcp".to_owned(), 1), std::future::ready(page)).await;
            json(Body::from(page))
        }
    };
    Router::new()
        .route("/raw/hello", get(|| async { json(Body::from(r#"{"status":"ok"}"#)) }))
        .route("/raw/discovery", get(move || std::future::ready(json(Body::from(discovery.clone())))))
        .route("/raw/cached", get(from_cache))
}

fn json(body: Body) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// Statements that give what the routes of the plugin `mcp` give for the tenant t0, by the same indexes.
const LIST: &str = "select document from catalog_core_assets where namespace = $1 and plugin = 'mcp' and kind = 'McpServer' \
                    order by name, id limit 101";
const GET: &str = "select document, revision from catalog_core_assets where namespace = $1 and plugin = 'mcp' and kind = 'McpServer' \
                   and name = 'fraud-labs/fraud-000000'";
const FILTER_SQLITE: &str = "select document from catalog_core_assets where namespace = $1 and plugin = 'mcp' and kind = 'McpServer' \
                             and substr(coalesce(json_extract(attributes, '$.fields.category'), ''), 1, 512) = 'category-7' \
                             order by name, id limit 101";
const FILTER_POSTGRES: &str = "select document from catalog_core_assets where namespace = $1 and plugin = 'mcp' and kind = 'McpServer' \
                               and left(coalesce((attributes->'fields'->>'category') collate \"C\", ''), 512) = 'category-7' \
                               order by name, id limit 101";

/// SQLite's own driver on the thread that serves, with a connection for each core.
fn sqlite(file: &str) -> Result<Router, AnyError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || -> Result<_, AnyError> {
        let connection = Connection::open_with_flags(file, flags)?;
        connection.pragma_update(None, "mmap_size", 268_435_456_i64)?;
        Ok(Mutex::new(connection))
    };
    let connections = Arc::new([open()?, open()?]);
    let route = |text: &'static str| {
        let connections = Arc::clone(&connections);
        get(move || {
            let connections = Arc::clone(&connections);
            async move { documents(&connections, text) }
        })
    };
    Ok(Router::new()
        .route("/raw/list", route(LIST))
        .route("/raw/get", route(GET))
        .route("/raw/filter", route(FILTER_SQLITE)))
}

fn documents(connections: &[Mutex<Connection>; 2], text: &str) -> Response {
    let [one, other] = connections;
    let connection = one.try_lock().unwrap_or_else(|_| other.lock().unwrap_or_else(PoisonError::into_inner));
    let read = || -> rusqlite::Result<String> {
        let mut statement = connection.prepare_cached(text)?;
        let mut rows = statement.query(["t0"])?;
        let mut body = String::with_capacity(1 << 16);
        while let Some(row) = rows.next()? {
            body.push_str(row.get_ref(0)?.as_str()?);
            body.push(',');
        }
        Ok(body)
    };
    read().map_or_else(
        |error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
        |body| json(Body::from(body)),
    )
}

/// One prepared statement by sqlx that returns documents.
async fn postgres(url: &str) -> Result<Router, AnyError> {
    let pool = PgPoolOptions::new()
        .max_connections(10)
        .test_before_acquire(false)
        .acquire_timeout(Duration::from_secs(5))
        .connect(url)
        .await?;
    let route = |text: &'static str| {
        let pool = pool.clone();
        get(move || rows(pool.clone(), text))
    };
    Ok(Router::new()
        .route("/raw/list", route(LIST))
        .route("/raw/get", route(GET))
        .route("/raw/filter", route(FILTER_POSTGRES)))
}

#[expect(clippy::disallowed_methods, reason = "a constant of this file")]
async fn rows(pool: PgPool, text: &'static str) -> Response {
    let read = async {
        let rows = sqlx::query(AssertSqlSafe(text)).bind("t0").fetch_all(&pool).await?;
        let mut body = String::with_capacity(1 << 16);
        for row in &rows {
            body.push_str(row.try_get(0)?);
            body.push(',');
        }
        Ok::<_, sqlx::Error>(body)
    };
    match read.await {
        Ok(body) => json(Body::from(body)),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
