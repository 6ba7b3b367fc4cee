//! The whole stack in one process, without a network: every crate as a service would compose them, with an authorizer that says no
//! as readily as yes.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a test fails by panicking"
)]

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use axum::{Router, body::Body, extract::Request, middleware::Next, response::Response};
use catalog_core::{
    asset::AssetDraft,
    authorizer::{Attributes, Authorizer, AuthorizerError, Decision, Reason, Visible},
    context::{RequestContext, RequestContextLayer},
    directory::NamespaceDirectory,
    http::{
        Catalog, CatalogConfig, DescribeProblemsLayer, Doc, IfNoneMatch, Reply, Routes, Security, cached_json,
    },
    identity::{Authenticator, Identity},
    name::Namespace,
    page::PageTokens,
    permission::{Access, Permission, Reach, Resource, Verb},
    plugin::{DataPlugin, Plugin, builtin},
    problem::Problem,
    registry::{Registry, RegistryConfig},
    schema::PluginDefinition,
    store::{
        AssetStore, MemoryAssetStore, MemorySourceStore, SourceKey, SourceStore,
        hook::{Unaudited, Unfenced, Unqueued},
    },
    testing::{TEST, scope},
};
use catalog_ha::{Component, Drain, Readiness, probes};
use catalog_rbac::AuthorizeLayer;
use catalog_tenancy::{
    ResolveTenantLayer,
    admit::AdmitTenantLayer,
    bulkhead::{BulkheadConfig, IsolateTenantLayer, Permits},
    directory::ConfiguredDirectory,
    http::{Namespaces, TenancyMode},
    rate_limit::{LimitRateLayer, RateLimiters, RateLimits},
};
use http::StatusCode;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::{ServiceBuilder, ServiceExt};
use tower_http::{limit::RequestBodyLimitLayer, timeout::TimeoutLayer};

/// The tenants of a stack of many.
pub const TENANTS: [&str; 3] = ["team-a", "team-b", "team-c"];
/// The tenant of a stack of one.
pub const SINGLE: &str = "default";
/// The header that names the caller.
pub const USER: &str = "x-test-user";
/// May read what is team-a's.
pub const ENGINEER_A: &str = "engineer-a";
/// May read what is team-b's.
pub const ENGINEER_B: &str = "engineer-b";
/// May read everything everywhere.
pub const OPERATOR: &str = "operator";
/// Is known, and may do nothing.
pub const STRANGER: &str = "stranger";
/// Has an authorizer that does not answer.
pub const UNLUCKY: &str = "unlucky";

/// Who may do what: one line a caller.
#[derive(Debug)]
struct Rules;

impl Rules {
    fn allows(user: &str, permission: &Permission, namespace: Option<&Namespace>) -> bool {
        let reads = matches!(permission.verb, Verb::Get | Verb::List);
        let discovery = matches!(permission.resource, Resource::Plugins | Resource::Capabilities);
        let own = match user {
            OPERATOR => return true,
            ENGINEER_A => ["team-a", SINGLE],
            ENGINEER_B => ["team-b", SINGLE],
            _ => return false,
        };
        reads && (discovery || namespace.is_some_and(|namespace| own.contains(&namespace.as_str())))
    }
}

#[async_trait]
impl Authorizer for Rules {
    async fn decide(
        &self,
        identity: &Identity,
        attributes: Attributes<'_>,
    ) -> Result<Decision, AuthorizerError> {
        if identity.user == UNLUCKY {
            return Err(AuthorizerError::new("no answer"));
        }
        let reason = Reason::from("rules of the test");
        Ok(if Self::allows(&identity.user, attributes.permission, attributes.namespace) {
            Decision::Allow { reason }
        } else {
            Decision::NoOpinion { reason }
        })
    }

    async fn visible(
        &self,
        identity: &Identity,
        permission: &Permission,
    ) -> Result<Visible, AuthorizerError> {
        if identity.user == UNLUCKY {
            return Err(AuthorizerError::new("no answer"));
        }
        if Self::allows(&identity.user, permission, None) {
            return Ok(Visible::All);
        }
        let namespaces = TENANTS.iter().chain([&SINGLE]).map(|name| name.parse().unwrap());
        Ok(Visible::Set(
            namespaces.filter(|name| Self::allows(&identity.user, permission, Some(name))).collect(),
        ))
    }
}

/// What takes longer is answered by 504.
const SLOW: Duration = Duration::from_secs(2);

/// Takes the word of the test for who asks.
async fn authenticate(request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let context = RequestContext::of(&mut parts);
    if let Some(user) = parts.headers.get(USER).and_then(|user| user.to_str().ok()) {
        context.set_identity(Identity::new(user, Authenticator::Token)).unwrap();
    }
    next.run(Request::from_parts(parts, body)).await
}

/// The stack, ready to be asked.
#[derive(Clone, Debug)]
pub struct Stack<A = MemoryAssetStore<Unaudited>, S = MemorySourceStore<Unaudited, Unqueued>> {
    /// The routes with all layers around them.
    pub router: Router,
    definitions: Vec<PluginDefinition>,
    /// Each route of the catalog that reads: its path, and what it asks for.
    pub routes: Vec<(String, Access)>,
    /// The assets, to put some there.
    pub assets: A,
    /// The sources, to put some there.
    pub sources: S,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its body.
    pub text: String,
    /// Its headers, as text.
    pub headers: String,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    /// The code of a problem.
    pub fn code(&self) -> String {
        let problem: Problem =
            serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"));
        assert!(problem.request_id.is_some() && problem.instance.is_some(), "{self:?}");
        problem.code.into_owned()
    }
}

impl Stack {
    /// The eight plugins, over empty stores in memory, for [many tenants](TENANTS).
    pub async fn new() -> Self {
        Self::of(builtin().unwrap(), TenancyMode::Namespace).await
    }

    /// Those plugins, over empty stores in memory.
    pub async fn of(definitions: Vec<PluginDefinition>, mode: TenancyMode) -> Self {
        let assets = MemoryAssetStore::new(Unaudited);
        Self::over(assets, MemorySourceStore::new(Unaudited, Unqueued), definitions, mode).await
    }
}

impl<A: AssetStore + Clone, S: SourceStore + Clone> Stack<A, S> {
    /// Those plugins, over those stores.
    pub async fn over(assets: A, sources: S, definitions: Vec<PluginDefinition>, mode: TenancyMode) -> Self {
        let plugins = definitions.iter().cloned();
        let plugins = plugins.map(|plugin| Arc::new(DataPlugin::new(plugin)) as Arc<dyn Plugin>);
        let registry = Registry::new(plugins, RegistryConfig::default()).unwrap();
        registry.start().await;
        let tokens = PageTokens::new([PageTokens::generate_key().unwrap()]).unwrap();
        let catalog =
            Catalog::new(registry, assets.clone(), sources.clone(), tokens.clone(), CatalogConfig::default());
        let readiness = Readiness::new(Drain::new()).with_check("stores", || async { Component::ok() });
        // many tests ask at once
        let bulkhead = BulkheadConfig { permits: 1_000, ..BulkheadConfig::default() };
        let (names, resolve, permits) = match mode {
            TenancyMode::Namespace => (&TENANTS[..], ResolveTenantLayer::many(), Permits::many(bulkhead)),
            TenancyMode::Single => {
                let resolve = ResolveTenantLayer::single(Namespace::new(SINGLE).unwrap());
                (&[SINGLE][..], resolve, Permits::single(bulkhead))
            }
        };
        let names = names.iter().map(|name| name.parse().unwrap());
        let directory: Arc<dyn NamespaceDirectory> = Arc::new(ConfiguredDirectory::of_names(names));
        let own = catalog.routes();
        let namespaces = Namespaces::new(mode, Arc::clone(&directory), Arc::new(Rules), tokens, [&own]);
        let routes = own.merge(namespaces.routes()).merge(probes(&readiness)).merge(faulty());
        let shapes = catalog.shapes().into_iter().chain(Namespaces::shapes());
        let document = routes.openapi("catalog", "0", Security::Bearer, shapes);
        let routes =
            routes.get("/openapi.json", Access::Public, doc("openapi"), move |known: IfNoneMatch| {
                std::future::ready(cached_json(document.clone(), &known, Duration::from_mins(1)))
            });
        let reading = routes.table().filter(|(method, ..)| *method == http::Method::GET);
        let table = reading.map(|(_, path, access)| (path.to_owned(), access.clone())).collect();
        let limiters = RateLimiters::new(&RateLimits::default());
        let protection = ServiceBuilder::new()
            .layer(LimitRateLayer::peers(&limiters))
            .layer(axum::middleware::from_fn(authenticate))
            .layer(resolve)
            .layer(AuthorizeLayer::new(Rules))
            .layer(AdmitTenantLayer::new(directory))
            .layer(LimitRateLayer::callers(&limiters))
            .layer(IsolateTenantLayer::new(&permits));
        let edge = ServiceBuilder::new()
            .layer(RequestContextLayer::new())
            .layer(DescribeProblemsLayer::new())
            .layer(tower_http::catch_panic::CatchPanicLayer::new())
            .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, SLOW))
            .layer(RequestBodyLimitLayer::new(1_000));
        let served = routes.into_router(&protection).unwrap().layer(edge);
        Self { router: served, definitions, routes: table, assets, sources }
    }

    /// Puts items into a tenant's source of a plugin.
    pub async fn put(
        &self,
        tenant: &str,
        plugin: &str,
        source: &str,
        items: impl IntoIterator<Item = Value>,
    ) {
        let definition =
            self.definitions.iter().find(|definition| definition.name.as_str() == plugin).unwrap();
        let entity = definition.entities.first().unwrap();
        let drafts = items.into_iter().map(|item| AssetDraft::from_item(entity, item).unwrap()).collect();
        let (scope, key) =
            (scope(tenant).await, SourceKey { plugin: definition.name.clone(), id: source.parse().unwrap() });
        self.assets
            .replace(&scope, &TEST, &key, vec![(entity.kind.clone(), drafts)], &Unfenced)
            .await
            .unwrap();
        let spec = serde_json::from_value(json!({"id": source, "name": source, "type": "yaml"})).unwrap();
        self.sources.apply(&scope, &TEST, &definition.name, &spec).await.unwrap();
    }

    /// Asks for a path, as somebody or nobody.
    pub async fn get(&self, user: Option<&str>, path: &str) -> Answer {
        let mut request = Request::get(path);
        if let Some(user) = user {
            request = request.header(USER, user);
        }
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// Sends a request.
    pub async fn send(&self, request: Request) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status().as_u16(), format!("{:?}", response.headers()));
        let body = response.into_body().collect().await.unwrap().to_bytes();
        Answer { status, headers, text: String::from_utf8(body.to_vec()).unwrap() }
    }
}

/// Routes whose handlers go wrong.
fn faulty() -> Routes {
    let may = || Permission::new(Verb::Get, Resource::Plugins, Reach::Cluster);
    Routes::new()
        .get("/faulty/panics", may(), doc("panics"), panics)
        .get("/faulty/hangs", may(), doc("hangs"), std::future::pending::<()>)
        .with(
            http::Method::POST,
            "/faulty/json",
            may(),
            doc("json").changing_nothing(),
            |axum::Json(value): axum::Json<Vec<u8>>| async move { format!("{}", value.len()) },
        )
}

fn doc(id: &str) -> Doc {
    Doc::new(id, "For tests.", Reply::text("text/plain", "Nothing."))
}

async fn panics() {
    panic!("as told");
}

/// The example of the workspace's README compiles and holds.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
