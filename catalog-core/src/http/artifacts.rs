//! An asset's artifacts.

use std::sync::Arc;

use axum::response::Response;
use http::Uri;
use serde_json::{Value, json};

use super::{
    assets::{self, Binding, Served, page_token, scope_binding},
    cache::{self, with},
    catalog::Catalog,
    openapi::{Parameter, Reply, entity_shape_name},
    query::Query,
    request::{Scope, Segment},
    route::{Doc, Routes},
};
use crate::{
    order::SortKey,
    page::Position,
    permission::{Permission, Reach, Resource, Verb},
    problem::Problem,
    registry::PluginHandle,
    store::{AssetStore, SourceStore},
};

pub(super) fn routes<A: AssetStore, S: SourceStore>(
    catalog: &Catalog<A, S>,
    plugin: &PluginHandle,
) -> Routes {
    let definition = plugin.definition();
    let may =
        Permission::new(Verb::Get, Resource::Assets, Reach::Tenant).of_plugin(definition.name.to_string());
    let mut routes = Routes::new();
    for entity in definition.entities.iter().filter(|entity| entity.artifacts.is_some()) {
        let shape = entity_shape_name(definition, entity);
        let doc = Doc::new(
            format!("list{shape}Artifacts"),
            format!("The artifacts of one {}, in the order of its source.", entity.display_name),
            Reply::json("ArtifactList"),
        );
        let parameters = [
            Parameter::path("name", "The asset's name."),
            Parameter::query("source", "The asset's source, where several use the name."),
            Parameter::page_size(),
            Parameter::page_token(),
            Parameter::older_page_token(),
        ];
        let served = Served::new(catalog, plugin, entity);
        routes = routes.get(
            format!("{}/{}/{{name}}/artifacts", definition.base_path(), entity.plural),
            may.clone(),
            doc.tagged(definition.name.as_str()).with_parameters(parameters),
            move |scope: Scope, Segment(name): Segment, uri: Uri| list(Arc::clone(&served), scope, name, uri),
        );
    }
    routes
}

async fn list<A: AssetStore, S: SourceStore>(
    served: Arc<Served<A, S>>,
    Scope(scope): Scope,
    name: String,
    uri: Uri,
) -> Result<Response, Problem> {
    let query = Query::parse(uri.query(), &["source", "pageSize", "pageToken", "nextPageToken"])?;
    let size = query.page_size()?;
    let asset = assets::find(&served, &scope, &name, &query).await?;
    // the list is the asset's own and changes with its revision only, so a place in it is a position
    let binding = Binding::new([
        "artifacts".into(),
        scope_binding(&scope),
        asset.id.to_string(),
        asset.revision.to_string(),
    ]);
    let start = match page_token(&query)? {
        None => 0,
        Some(token) => match binding.decode(&served.catalog, token)?.key {
            SortKey::Integer(last) => usize::try_from(last).unwrap_or(usize::MAX).saturating_add(1),
            SortKey::Text(_) | SortKey::Number(_) => {
                return Err(Problem::invalid_page_token("the page token is of another list"));
            }
        },
    };
    let artifacts: Vec<Value> = serde_json::from_str(&asset.artifacts).map_err(|error| {
        tracing::error!(asset = %asset.id, %error, "stored artifacts cannot be read");
        Problem::internal("the server failed")
    })?;
    let items: Vec<&Value> = artifacts.iter().skip(start).take(size.get()).collect();
    let end = start.saturating_add(items.len());
    let next = (end < artifacts.len()).then(|| {
        let key = SortKey::Integer(i64::try_from(end.saturating_sub(1)).unwrap_or(i64::MAX));
        binding.encode(&served.catalog, &Position { key, name: String::new(), id: asset.id })
    });
    let body = json!({"items": items, "size": items.len(), "pageSize": size.get()});
    Ok(cache::json(with(body, "nextPageToken", next).to_string()))
}
