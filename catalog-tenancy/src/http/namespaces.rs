use std::{collections::BTreeSet, sync::Arc};

use axum::response::Response;
use catalog_core::{
    authorizer::{Authorizer, Refusal, authorize_visible},
    context::RequestContext,
    directory::{NamespaceDirectory, NamespaceRecord},
    http::{Context, Doc, Parameter, Query, Reply, Routes, Shape, json},
    name::Namespace,
    order::SortKey,
    page::{PageTokens, Position},
    permission::{Access, Permission, Reach},
    problem::Problem,
    tenant::TenantScope,
};
use http::Uri;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Whether the service has one tenant or many.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TenancyMode {
    /// One.
    Single,
    /// Many.
    Namespace,
}

/// The list of tenants: each caller sees those in which it may do anything, and what. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Namespaces {
    parts: Arc<Parts>,
}

#[derive(Debug)]
struct Parts {
    mode: TenancyMode,
    directory: Arc<dyn NamespaceDirectory>,
    authorizer: Arc<dyn Authorizer>,
    tokens: PageTokens,
    permissions: Vec<Permission>,
}

const PATH: &str = "/api/tenancy/v1alpha1/namespaces";

impl Namespaces {
    /// The tenants of `directory`, as far as `authorizer` lets the caller do any of what `routes` ask for within a tenant.
    pub fn new<'r>(
        mode: TenancyMode,
        directory: Arc<dyn NamespaceDirectory>,
        authorizer: Arc<dyn Authorizer>,
        tokens: PageTokens,
        routes: impl IntoIterator<Item = &'r Routes>,
    ) -> Self {
        let mut permissions: Vec<Permission> = Vec::new();
        for (.., access) in routes.into_iter().flat_map(Routes::table) {
            match access.permission() {
                Some(asked) if asked.reach != Reach::Cluster => {
                    // whether a route serves all tenants says nothing of what may be done in one
                    let asked = Permission { reach: Reach::Tenant, ..asked.clone() };
                    if !permissions.contains(&asked) {
                        permissions.push(asked);
                    }
                }
                _ => {}
            }
        }
        Self { parts: Arc::new(Parts { mode, directory, authorizer, tokens, permissions }) }
    }

    /// `GET /api/tenancy/v1alpha1/namespaces`, for everybody who is known.
    pub fn routes(&self) -> Routes {
        let doc = Doc::new(
            "listNamespaces",
            "The tenants in which the caller may do anything, and what.",
            Reply::json("NamespaceList"),
        );
        let doc = doc.tagged("tenancy").with_parameters([Parameter::page_size(), Parameter::page_token()]);
        let namespaces = self.clone();
        Routes::new().get(PATH, Access::Authenticated, doc, move |Context(context): Context, uri: Uri| {
            list(namespaces.clone(), context, uri)
        })
    }

    /// The shapes that the OpenAPI document of the route refers to, by name.
    pub fn shapes() -> Vec<(String, Shape)> {
        let item = Shape::object([
            ("name", Shape::string()),
            ("displayName?", Shape::string()),
            ("labels", Shape::map(Shape::string())),
            ("phase", Shape::one_of(&["active", "suspended", "terminating"])),
            (
                "permissions",
                Shape::list(Shape::string()).described(
                    "What the caller may do: `assets:list`, or of one plugin only `assets/model:list`.",
                ),
            ),
        ]);
        let list = Shape::object([
            ("namespaces", Shape::list(Shape::string()).described("The names of the items.")),
            ("items", Shape::list(Shape::named("Namespace"))),
            ("size", Shape::integer()),
            ("pageSize", Shape::integer()),
            ("nextPageToken?", Shape::string()),
            ("mode", Shape::one_of(&["single", "namespace"])),
        ]);
        vec![("Namespace".into(), item), ("NamespaceList".into(), list)]
    }
}

async fn list(namespaces: Namespaces, context: RequestContext, uri: Uri) -> Result<Response, Problem> {
    let Parts { mode, directory, tokens, .. } = &*namespaces.parts;
    let query = Query::parse(uri.query(), &["pageSize", "pageToken"])?;
    let size = query.page_size()?;
    // whose token it is matters not: it says where to go on and shows nothing
    let after = query.non_empty("pageToken").map(|token| place(tokens, token)).transpose()?;
    let granted = granted(&namespaces.parts, &context).await?;
    let scope = granted.iter().fold(TenantScope::none(), |all, (_, scope)| all.union(scope));
    let mut records = directory.list(&scope, after.as_ref(), size.get() + 1).await.map_err(|error| {
        let error: &dyn std::error::Error = &error;
        tracing::warn!(error, "the directory of namespaces is unavailable");
        Problem::directory_unavailable("the directory of namespaces is unavailable").with_retry_after(1)
    })?;
    let more = records.len() > size.get();
    records.truncate(size.get());
    let next = records.last().filter(|_| more).map(|last| tokens.encode(&position(&last.name), &[PATH]));
    let items =
        records.iter().map(|record| Item { record, permissions: permissions(&record.name, &granted) });
    let items: Vec<Item<'_>> = items.collect();
    let names: Vec<&Namespace> = records.iter().map(|record| &record.name).collect();
    let body = List {
        namespaces: names,
        size: items.len(),
        page_size: size.get(),
        items,
        next_page_token: next,
        mode: *mode,
    };
    // names and texts always serialize
    Ok(json(serde_json::to_string(&body).unwrap_or_default()))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct List<'a> {
    namespaces: Vec<&'a Namespace>,
    items: Vec<Item<'a>>,
    size: usize,
    page_size: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
    mode: TenancyMode,
}

#[derive(Serialize)]
struct Item<'a> {
    #[serde(flatten)]
    record: &'a NamespaceRecord,
    permissions: Vec<String>,
}

/// What the caller may do, and where.
async fn granted(parts: &Parts, context: &RequestContext) -> Result<Vec<(Permission, TenantScope)>, Problem> {
    let identity = context.identity().ok_or_else(|| Problem::unauthenticated("who asks is not known"))?;
    let mut granted = Vec::with_capacity(parts.permissions.len());
    for permission in &parts.permissions {
        let visible = authorize_visible(&*parts.authorizer, identity, permission);
        match visible.await {
            Ok(scope) => granted.push((permission.clone(), scope)),
            Err(refusal) => return Err(refused(&refusal)),
        }
    }
    Ok(granted)
}

fn refused(refusal: &Refusal) -> Problem {
    let error: &dyn std::error::Error = refusal;
    tracing::warn!(error, "authorizer unavailable");
    Problem::authorizer_unavailable(refusal.to_string()).with_retry_after(1)
}

/// What is granted in the tenant. What is granted for every plugin is told once.
fn permissions(name: &Namespace, granted: &[(Permission, TenantScope)]) -> Vec<String> {
    let kinds: BTreeSet<(&str, &str)> = granted.iter().map(|(permission, _)| kind(permission)).collect();
    let mut told = Vec::new();
    for (resource, verb) in kinds {
        let of_kind = || granted.iter().filter(|(permission, _)| kind(permission) == (resource, verb));
        if of_kind().all(|(_, scope)| scope.covers(name)) {
            told.push(format!("{resource}:{verb}"));
            continue;
        }
        for (permission, _) in of_kind().filter(|(_, scope)| scope.covers(name)) {
            let plugin = permission.plugin.as_deref().unwrap_or_default();
            told.push(format!("{resource}/{plugin}:{verb}"));
        }
    }
    told
}

fn kind(permission: &Permission) -> (&'static str, &'static str) {
    (permission.resource.as_str(), permission.verb.as_str())
}

fn position(name: &Namespace) -> Position {
    Position { key: SortKey::Text(name.to_string()), name: String::new(), id: Uuid::nil() }
}

fn place(tokens: &PageTokens, token: &str) -> Result<Namespace, Problem> {
    let foreign = || Problem::invalid_page_token("the page token is of another list");
    let position = tokens.decode(token, &[PATH]).map_err(|_| foreign())?;
    match position.key {
        SortKey::Text(name) => name.parse().map_err(|_| foreign()),
        _ => Err(foreign()),
    }
}
