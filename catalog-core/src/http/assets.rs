//! An entity's list and its assets.

use std::sync::Arc;

use axum::response::Response;
use http::Uri;
use serde_json::json;

use super::{
    cache::{self, with},
    catalog::Catalog,
    if_none_match::IfNoneMatch,
    openapi::{Parameter, Reply, entity_shape_name},
    query::Query,
    request::{Scope, Segment},
    route::{Doc, Routes},
};
use crate::{
    asset::{AssetKey, CollectionKey},
    filter::Filter,
    name::{AssetName, SourceId},
    order::OrderBy,
    page::{PageSize, Position},
    permission::{Permission, Reach, Resource, Verb},
    problem::{Problem, ProblemDetail},
    registry::PluginHandle,
    schema::EntitySchema,
    store::{AssetPage, AssetQuery, AssetStore, Found, SourceStore, StoreError, StoreErrorKind},
    tenant::{ScopeView, TenantScope},
};

/// One entity's routes are served from this.
pub(super) struct Served<A, S> {
    pub(super) catalog: Catalog<A, S>,
    pub(super) entity: EntitySchema,
    pub(super) collection: CollectionKey,
}

impl<A, S> Served<A, S> {
    pub(super) fn new(catalog: &Catalog<A, S>, plugin: &PluginHandle, entity: &EntitySchema) -> Arc<Self> {
        let collection = CollectionKey { plugin: plugin.name().clone(), kind: entity.kind.clone() };
        Arc::new(Self { catalog: catalog.clone(), entity: entity.clone(), collection })
    }
}

const LIST: [&str; 9] = [
    "filterQuery",
    "q",
    "source",
    "orderBy",
    "sortOrder",
    "pageSize",
    "pageToken",
    "nextPageToken",
    "includeTotal",
];
/// The longest `q`, in bytes, and the most words in it.
const MAX_Q: (usize, usize) = (256, 10);

pub(super) fn routes<A: AssetStore, S: SourceStore>(
    catalog: &Catalog<A, S>,
    plugin: &PluginHandle,
) -> Routes {
    let definition = plugin.definition();
    let may =
        |verb, reach| Permission::new(verb, Resource::Assets, reach).of_plugin(definition.name.to_string());
    let mut routes = Routes::new();
    for entity in &definition.entities {
        let shape = entity_shape_name(definition, entity);
        let path = format!("{}/{}", definition.base_path(), entity.plural);
        let served = Served::new(catalog, plugin, entity);
        let list_doc = Doc::new(
            format!("list{shape}"),
            format!("Lists a tenant's {}: filtered, searched, ordered, page by page.", entity.plural),
            Reply::json(format!("{shape}List")).cached(),
        );
        let get_doc = Doc::new(
            format!("get{shape}"),
            format!("One {} by name; a `/` in it is `%2F` in the path.", entity.display_name),
            Reply::json(shape).tagged(),
        );
        let name = [
            Parameter::path("name", "The asset's name."),
            Parameter::query("source", "The asset's source, where several use the name."),
        ];
        routes = routes
            .get(
                path.clone(),
                may(Verb::List, Reach::TenantOrAll),
                list_doc
                    .tagged(definition.name.as_str())
                    .with_parameters(Parameter::list(entity))
                    .with_parameters([Parameter::all_namespaces()]),
                {
                    let served = Arc::clone(&served);
                    move |scope: Scope, known: IfNoneMatch, uri: Uri| {
                        list(Arc::clone(&served), scope, known, uri)
                    }
                },
            )
            .get(
                format!("{path}/{{name}}"),
                may(Verb::Get, Reach::Tenant),
                get_doc.tagged(definition.name.as_str()).with_parameters(name),
                move |scope: Scope, Segment(name): Segment, known: IfNoneMatch, uri: Uri| {
                    get(Arc::clone(&served), scope, name, known, uri)
                },
            );
    }
    routes
}

async fn list<A: AssetStore, S: SourceStore>(
    served: Arc<Served<A, S>>,
    Scope(scope): Scope,
    known: IfNoneMatch,
    uri: Uri,
) -> Result<Response, Problem> {
    let query = Query::parse(uri.query(), &LIST)?;
    let schema = &served.entity;
    let invalid = |parameter: &'static str| {
        move |error: crate::order::OrderError| {
            Problem::invalid_order_by(error.to_string()).with_parameter(parameter)
        }
    };
    let words = words(query.non_empty("q").unwrap_or_default())?;
    let order = match (query.non_empty("orderBy"), query.non_empty("sortOrder")) {
        // who searches and asks for no order wants the best first
        (None, None) if !words.is_empty() => OrderBy::relevance(),
        (field, direction) => OrderBy::parse(field, direction, schema).map_err(invalid("orderBy"))?,
    };
    let filter = query.non_empty("filterQuery").map(|text| Filter::parse(text, schema)).transpose().map_err(
        |error| {
            let detail = error.to_string();
            let at = ProblemDetail {
                parameter: Some("filterQuery".into()),
                position: Some(error.position),
                code: "invalid_filter".into(),
                detail: detail.clone(),
                ..ProblemDetail::default()
            };
            Problem::invalid_filter(detail).with_error(at)
        },
    )?;
    let mut asked = AssetQuery::new(served.collection.clone());
    asked.words = words;
    asked.source = query.non_empty("source").map(source_id).transpose()?;
    asked.count = query.flag("includeTotal")?;
    asked.size = query.page_size()?;
    asked.order = order;
    asked.filter = filter;

    let binding = Binding::of(&scope, &asked);
    let token = page_token(&query)?;
    asked.after = token.map(|token| binding.decode(&served.catalog, token)).transpose()?;

    let size = asked.size.get().to_string();
    let rest = [size.as_str(), token.unwrap_or_default(), if asked.count { "count" } else { "" }];
    let described: Vec<&str> = binding.parts().into_iter().chain(rest).collect();
    let parts = &served.catalog.parts;
    let make = async {
        let page = parts.assets.list(&scope, &asked).await?;
        let next = page.next.as_ref().map(|position| binding.encode(&served.catalog, position));
        Ok(body(page, asked.size, next))
    };
    let plugin = &served.collection.plugin;
    parts.pages.respond(&parts.assets, &scope, plugin, &described, &known, make).await
}

/// The page as JSON: the documents as they are stored, one after the other.
fn body(page: AssetPage, size: PageSize, next: Option<String>) -> String {
    let rest = json!({"size": page.documents.len(), "pageSize": size.get()});
    let rest = with(with(rest, "totalSize", page.total), "nextPageToken", next).to_string();
    page.documents.into_object(rest.trim_matches(['{', '}']))
}

async fn get<A: AssetStore, S: SourceStore>(
    served: Arc<Served<A, S>>,
    Scope(scope): Scope,
    name: String,
    known: IfNoneMatch,
    uri: Uri,
) -> Result<Response, Problem> {
    let found = find(&served, &scope, &name, &Query::parse(uri.query(), &["source"])?).await?;
    let tag = format!("{}-{}", found.id, found.revision);
    Ok(cache::tagged(found.document, &tag, &known))
}

/// One asset that was found.
pub(super) struct Asset {
    pub(super) id: uuid::Uuid,
    pub(super) revision: i64,
    pub(super) document: String,
    pub(super) artifacts: String,
}

/// The asset that path and query name. What is another tenant's, or cannot be a name, is as what is not there.
pub(super) async fn find<A: AssetStore, S: SourceStore>(
    served: &Served<A, S>,
    scope: &TenantScope,
    name: &str,
    query: &Query<'_>,
) -> Result<Asset, Problem> {
    let source = query.non_empty("source").map(source_id).transpose()?;
    let nothing = || Problem::not_found("there is no such asset");
    let key = AssetKey { name: AssetName::new(name).map_err(|_| nothing())?, source };
    match served
        .catalog
        .parts
        .assets
        .find(scope, &served.collection, &key)
        .await
        .map_err(|error| store_problem(&error))?
    {
        Found::Nothing => Err(nothing()),
        Found::One { id, revision, document, artifacts } => Ok(Asset { id, revision, document, artifacts }),
        Found::Ambiguous(sources) => {
            let detail = "several sources have an asset of that name; `source` says which is meant";
            let each = |source: SourceId| ProblemDetail {
                parameter: Some("source".into()),
                code: "candidate".into(),
                detail: source.to_string(),
                ..ProblemDetail::default()
            };
            Err(sources.into_iter().map(each).fold(Problem::ambiguous_name(detail), Problem::with_error))
        }
    }
}

/// The page token. Older clients of Kubeflow's model catalog send it under the name of the answer's field.
pub(super) fn page_token<'q>(query: &'q Query<'_>) -> Result<Option<&'q str>, Problem> {
    match (query.non_empty("pageToken"), query.non_empty("nextPageToken")) {
        (Some(_), Some(_)) => {
            Err(Problem::invalid_page_token("`pageToken` and `nextPageToken` are one; give one of them"))
        }
        (token, older) => Ok(token.or(older)),
    }
}

/// What a page token is bound to: all that the list was asked with but for the page's size.
pub(super) struct Binding(Vec<String>);

impl Binding {
    fn of(scope: &TenantScope, query: &AssetQuery) -> Self {
        Self(vec![
            "assets".into(),
            scope_binding(scope),
            query.collection.plugin.to_string(),
            query.collection.kind.to_string(),
            query.order.to_string(),
            query.filter.as_ref().map(Filter::canonical).unwrap_or_default(),
            query.source.as_ref().map(ToString::to_string).unwrap_or_default(),
            query.words.join(" "),
        ])
    }

    pub(super) fn new(parts: impl IntoIterator<Item = String>) -> Self {
        Self(parts.into_iter().collect())
    }

    pub(super) fn encode<A, S>(&self, catalog: &Catalog<A, S>, position: &Position) -> String {
        catalog.parts.tokens.encode(position, &self.parts())
    }

    pub(super) fn decode<A, S>(&self, catalog: &Catalog<A, S>, token: &str) -> Result<Position, Problem> {
        let refused = |error: crate::page::PageTokenError| {
            Problem::invalid_page_token(error.to_string()).with_parameter("pageToken")
        };
        catalog.parts.tokens.decode(token, &self.parts()).map_err(refused)
    }

    pub(super) fn parts(&self) -> Vec<&str> {
        self.0.iter().map(String::as_str).collect()
    }
}

/// The scope as part of a binding. A set may change while its holder walks on; the store keeps to the set of the moment.
pub(super) fn scope_binding(scope: &TenantScope) -> String {
    match scope.view() {
        ScopeView::One(namespace) => format!("one:{namespace}"),
        ScopeView::Set(namespaces) => namespaces
            .iter()
            .fold("set:".into(), |binding: String, namespace| binding + namespace.as_str() + ","),
        ScopeView::All => "all".into(),
    }
}

fn words(q: &str) -> Result<Vec<String>, Problem> {
    let words = crate::search::words(q);
    if q.len() > MAX_Q.0 || words.len() > MAX_Q.1 || q.contains('\0') {
        let detail = format!("`q` holds at most {} words in {} bytes", MAX_Q.1, MAX_Q.0);
        return Err(Problem::invalid_search(detail).with_parameter("q"));
    }
    Ok(words)
}

fn source_id(text: &str) -> Result<SourceId, Problem> {
    SourceId::new(text)
        .map_err(|error| Problem::invalid_parameter(error.to_string()).with_parameter("source"))
}

/// When a tenant that has too many jobs may ask again, in seconds: some of them are over by then.
const JOBS_TAKE: u32 = 5;

/// The problem of a store that could not do it: what to do about it, and nothing from inside.
/// The answer to a request that a store could not serve; the log gets the cause.
pub fn store_problem(error: &StoreError) -> Problem {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    match error.kind() {
        StoreErrorKind::Unavailable => {
            tracing::warn!(error = %error, cause, "store unavailable");
            Problem::store_unavailable("the database does not answer").with_retry_after(1)
        }
        StoreErrorKind::QuotaExceeded => Problem::quota_exceeded(cause.unwrap_or_else(|| error.to_string())),
        StoreErrorKind::TooManyJobs => {
            let detail = cause.unwrap_or_else(|| error.to_string());
            Problem::too_many_jobs(detail).with_retry_after(JOBS_TAKE)
        }
        StoreErrorKind::NotAdmitted => Problem::namespace_suspended(error.to_string()),
        StoreErrorKind::Stale => {
            Problem::revision_conflict("it has changed since it was read: `If-Match` names another")
        }
        StoreErrorKind::Conflict => Problem::conflict("what is stored stands against the change"),
        _ => {
            tracing::error!(error = %error, cause, "store failed");
            Problem::internal("the server failed")
        }
    }
}
