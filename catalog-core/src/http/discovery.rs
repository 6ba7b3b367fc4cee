//! `/api/plugins`: what is here and how it does.

use axum::response::Response;
use http::Uri;
use serde_json::{Value, json};

use super::{
    cache::{Ready, with},
    capabilities::capabilities,
    catalog::Catalog,
    if_none_match::IfNoneMatch,
    openapi::{Parameter, Reply},
    query::Query,
    request::Segment,
    route::{Doc, Routes},
};
use crate::{
    permission::{Permission, Reach, Resource, Verb},
    problem::Problem,
    registry::{PluginHandle, PluginState},
    store::{AssetStore, SourceStore},
};

pub(super) fn routes<A: AssetStore, S: SourceStore>(catalog: &Catalog<A, S>) -> Routes {
    let may = |verb, resource| Permission::new(verb, resource, Reach::Cluster);
    let name = || [Parameter::path("plugin", "The plugin's name.")];
    let doc = |id, summary, shape| Doc::new(id, summary, Reply::json(shape).cached()).tagged("discovery");
    Routes::new()
        .get(
            "/api/plugins",
            may(Verb::List, Resource::Plugins),
            doc("listPlugins", "The plugins of the server, how they do and what they can.", "PluginList"),
            {
                let catalog = catalog.clone();
                move |known: IfNoneMatch, uri: Uri| list(catalog.clone(), known, uri)
            },
        )
        .get(
            "/api/plugins/{plugin}",
            may(Verb::Get, Resource::Plugins),
            doc("getPlugin", "One plugin.", "Plugin").with_parameters(name()),
            {
                let catalog = catalog.clone();
                move |Segment(name): Segment, known: IfNoneMatch, uri: Uri| {
                    get(catalog.clone(), name, known, uri)
                }
            },
        )
        .get(
            "/api/plugins/{plugin}/capabilities",
            may(Verb::Get, Resource::Capabilities),
            doc("getCapabilities", "What a plugin lists, its fields, and what can be done.", "Capabilities")
                .with_parameters(name()),
            {
                let catalog = catalog.clone();
                move |Segment(name): Segment, known: IfNoneMatch, uri: Uri| {
                    get_capabilities(catalog.clone(), name, known, uri)
                }
            },
        )
}

async fn list<A: AssetStore, S: SourceStore>(
    catalog: Catalog<A, S>,
    known: IfNoneMatch,
    uri: Uri,
) -> Result<Response, Problem> {
    Query::parse(uri.query(), &[])?;
    let registry = &catalog.parts.registry;
    let make = async {
        let plugins: Vec<Value> = registry.plugins().iter().map(plugin).collect();
        Ready::new(json!({"count": plugins.len(), "plugins": plugins}).to_string())
    };
    Ok(catalog.parts.discovery.respond("", registry.generation(), &known, make).await)
}

async fn get<A: AssetStore, S: SourceStore>(
    catalog: Catalog<A, S>,
    name: String,
    known: IfNoneMatch,
    uri: Uri,
) -> Result<Response, Problem> {
    Query::parse(uri.query(), &[])?;
    let handle = find(&catalog, &name)?;
    let make = async { Ready::new(plugin(handle).to_string()) };
    Ok(catalog.parts.discovery.respond(&name, catalog.parts.registry.generation(), &known, make).await)
}

async fn get_capabilities<A: AssetStore, S: SourceStore>(
    catalog: Catalog<A, S>,
    name: String,
    known: IfNoneMatch,
    uri: Uri,
) -> Result<Response, Problem> {
    Query::parse(uri.query(), &[])?;
    let handle = find(&catalog, &name)?;
    let make = async { Ready::new(capabilities(handle.definition()).to_string()) };
    // a definition does not change while the process lives
    Ok(catalog.parts.capabilities.respond(&name, 0, &known, make).await)
}

fn find<'a, A: AssetStore, S: SourceStore>(
    catalog: &'a Catalog<A, S>,
    name: &str,
) -> Result<&'a PluginHandle, Problem> {
    catalog.parts.registry.plugin(name).ok_or_else(|| Problem::not_found("there is no such plugin"))
}

fn plugin(handle: &PluginHandle) -> Value {
    let definition = handle.definition();
    let state = handle.state();
    let serving = state == PluginState::Serving;
    let status = json!({"enabled": true, "initialized": state != PluginState::Starting, "serving": serving});
    let error = if let PluginState::Degraded { error, .. } = state { Some(error) } else { None };
    let status = with(status, "lastError", error);
    json!({
        "name": definition.name,
        "version": definition.version,
        "displayName": definition.display_name,
        "description": definition.description,
        "basePath": definition.base_path(),
        "healthy": serving,
        "entityKinds": definition.entities.iter().map(|entity| &entity.kind).collect::<Vec<_>>(),
        "capabilitiesV2": capabilities(definition),
        "status": status,
        "management": {"sourceManager": false, "refresh": false, "diagnostics": false, "actions": false},
    })
}
