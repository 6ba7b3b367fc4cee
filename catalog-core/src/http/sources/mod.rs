//! A plugin's sources.

mod change;

use axum::response::Response;
use http::Uri;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::http::{
    assets::{Binding, page_token, scope_binding, store_problem},
    cache::{self, with},
    catalog::Catalog,
    if_none_match::IfNoneMatch,
    openapi::{Parameter, Reply},
    query::Query,
    request::{Scope, Segment},
    route::{Doc, Routes},
};
use crate::{
    clock::{Clock, SystemClock},
    name::{PluginName, SourceId},
    order::SortKey,
    page::Position,
    permission::{Permission, Reach, Resource, Verb},
    problem::Problem,
    registry::PluginHandle,
    source::Source,
    store::{AssetStore, SourceKey, SourceQuery, SourceStore},
};

pub(super) fn routes<A: AssetStore, S: SourceStore>(
    catalog: &Catalog<A, S>,
    plugin: &PluginHandle,
) -> Routes {
    let name = plugin.name().clone();
    let may =
        |verb, reach| Permission::new(verb, Resource::CatalogSources, reach).of_plugin(name.to_string());
    let path = format!("{}/sources", plugin.definition().base_path());
    let list_doc = Doc::new(
        format!("list_{name}_sources"),
        "Lists a tenant's sources of the plugin.",
        Reply::json("SourceList"),
    )
    .with_parameters([
        Parameter::page_size(),
        Parameter::page_token(),
        Parameter::older_page_token(),
        Parameter::all_namespaces(),
    ]);
    let get_doc = Doc::new(
        format!("get_{name}_source"),
        "One source and how it does.",
        Reply::json("Source").revised(),
    )
    .with_parameters([Parameter::path("id", "The source's id.")]);
    Routes::new()
        .get(path.clone(), may(Verb::List, Reach::TenantOrAll), list_doc.tagged(name.as_str()), {
            let (catalog, name) = (catalog.clone(), name.clone());
            move |scope: Scope, uri: Uri| list(catalog.clone(), name.clone(), scope, uri)
        })
        .get(format!("{path}/{{id}}"), may(Verb::Get, Reach::Tenant), get_doc.tagged(name.as_str()), {
            let (catalog, name) = (catalog.clone(), name.clone());
            move |scope: Scope, Segment(id): Segment, uri: Uri| {
                get(catalog.clone(), name.clone(), scope, id, uri)
            }
        })
        .merge(change::routes(catalog, plugin))
}

async fn list<A: AssetStore, S: SourceStore>(
    catalog: Catalog<A, S>,
    plugin: PluginName,
    Scope(scope): Scope,
    uri: Uri,
) -> Result<Response, Problem> {
    let query = Query::parse(uri.query(), &["pageSize", "pageToken", "nextPageToken"])?;
    let size = query.page_size()?;
    let binding = Binding::new(["sources".into(), scope_binding(&scope), plugin.to_string()]);
    let after = page_token(&query)?.map(|token| binding.decode(&catalog, token)).transpose()?;
    let after = after.map(|position| {
        place(position).ok_or_else(|| Problem::invalid_page_token("the page token is of another list"))
    });
    let asked = SourceQuery { plugin: Some(plugin), after: after.transpose()?, size };
    let mut sources =
        catalog.parts.sources.list(&scope, &asked).await.map_err(|error| store_problem(&error))?;
    let more = sources.len() > size.get();
    sources.truncate(size.get());
    let next = sources.last().filter(|_| more).map(|last| binding.encode(&catalog, &position(last)));
    let items: Vec<Value> = sources.into_iter().map(shown).collect();
    // `sources` and `count` mirror `items` and `size`, for older clients
    let body = json!({"size": items.len(), "count": items.len(), "pageSize": size.get(), "sources": items, "items": items});
    Ok(cache::json(with(body, "nextPageToken", next).to_string()))
}

/// A source's place in the list: none of the three names may hold a `/`.
fn position(source: &Source) -> Position {
    let place = format!("{}/{}/{}", source.namespace, source.plugin, source.spec.id);
    Position { key: SortKey::Text(place), name: String::new(), id: Uuid::nil() }
}

fn place(position: Position) -> Option<(String, String, String)> {
    let SortKey::Text(text) = position.key else { return None };
    let mut parts = text.splitn(3, '/').map(String::from);
    Some((parts.next()?, parts.next()?, parts.next()?))
}

async fn get<A: AssetStore, S: SourceStore>(
    catalog: Catalog<A, S>,
    plugin: PluginName,
    Scope(scope): Scope,
    id: String,
    uri: Uri,
) -> Result<Response, Problem> {
    Query::parse(uri.query(), &[])?;
    let key = key(plugin, id)?;
    let source = catalog.parts.sources.find(&scope, &key).await.map_err(|error| store_problem(&error))?;
    source.map(answer).ok_or_else(|| Problem::not_found("there is no such source"))
}

/// The source that a path names; none can be called what is no id.
fn key(plugin: PluginName, id: String) -> Result<SourceKey, Problem> {
    let id = SourceId::new(id).map_err(|_| Problem::not_found("there is no such source"))?;
    Ok(SourceKey { plugin, id })
}

/// The status changes without a revision, so the tag serves writers and never answers 304.
fn answer(source: Source) -> Response {
    let tag = source.tag();
    cache::tagged(shown(source).to_string(), &tag, &IfNoneMatch::default())
}

/// A source as the wire shows it: without secrets, with the age of what it holds, in seconds.
fn shown(source: Source) -> Value {
    let refreshed = source.status.last_refresh.as_ref().map(|refresh| refresh.finished_at);
    let age = refreshed.map(|refreshed| SystemClock.now().saturating_since(refreshed).as_secs());
    let status = with(json!(source.status), "age", age);
    with(json!(source.redacted()), "status", Some(status))
}
