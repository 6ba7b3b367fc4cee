//! What there is to filter by: the values and ranges of a list's fields.

use std::sync::Arc;

use axum::response::Response;
use http::Uri;
use serde_json::{Map, Value, json};

use super::{
    assets::{Served, scope_binding},
    catalog::Catalog,
    if_none_match::IfNoneMatch,
    openapi::{Parameter, Reply, Shape},
    query::Query,
    request::Scope,
    route::{Doc, Routes},
};
use crate::{
    asset::{CommonField, FieldRef},
    permission::{Permission, Reach, Resource, Verb},
    problem::Problem,
    registry::PluginHandle,
    schema::{EntitySchema, FieldType, PluginDefinition},
    store::{AssetStore, FieldOptions, OptionValues, SourceStore},
};

/// Where the plugin's options are.
pub(super) fn path(definition: &PluginDefinition) -> String {
    format!("{}/filter_options", definition.base_path())
}

pub(super) fn routes<A: AssetStore, S: SourceStore>(
    catalog: &Catalog<A, S>,
    plugin: &PluginHandle,
) -> Routes {
    let definition = plugin.definition();
    let may =
        Permission::new(Verb::List, Resource::Assets, Reach::Tenant).of_plugin(definition.name.to_string());
    let kinds: Vec<&str> = definition.entities.iter().map(|entity| entity.kind.as_str()).collect();
    let doc = Doc::new(
        format!("filterOptions{}", kinds.first().copied().unwrap_or_default()),
        "The values and ranges of a tenant's assets, for a filter to offer.",
        Reply::json("FilterOptions").cached(),
    );
    let kind = Parameter::query("kind", "Which of the plugin's entities; needed where there are several.");
    let served: Arc<[_]> =
        definition.entities.iter().map(|entity| Served::new(catalog, plugin, entity)).collect();
    Routes::new().get(
        path(definition),
        may,
        doc.tagged(definition.name.as_str()).with_parameters([kind.shaped(Shape::one_of(&kinds))]),
        move |scope: Scope, known: IfNoneMatch, uri: Uri| options(Arc::clone(&served), scope, known, uri),
    )
}

async fn options<A: AssetStore, S: SourceStore>(
    entities: Arc<[Arc<Served<A, S>>]>,
    Scope(scope): Scope,
    known: IfNoneMatch,
    uri: Uri,
) -> Result<Response, Problem> {
    let query = Query::parse(uri.query(), &["kind"])?;
    let served = choose(&entities, query.non_empty("kind"))?;
    let (parts, collection) = (&served.catalog.parts, &served.collection);
    let tenant = scope_binding(&scope);
    let binding = ["options", &tenant, collection.plugin.as_str(), collection.kind.as_str()];
    let make = async {
        let options = parts.assets.options(&scope, collection, &fields(&served.entity)).await?;
        Ok(body(&options))
    };
    parts.pages.respond(&parts.assets, &scope, &collection.plugin, &binding, &known, make).await
}

fn choose<'a, A, S>(
    entities: &'a [Arc<Served<A, S>>],
    kind: Option<&str>,
) -> Result<&'a Served<A, S>, Problem> {
    let refused = || {
        let kinds: Vec<&str> = entities.iter().map(|served| served.entity.kind.as_str()).collect();
        Problem::invalid_parameter(format!("`kind` is one of {}", kinds.join(", "))).with_parameter("kind")
    };
    match (entities, kind) {
        ([only], None) => Ok(only),
        (_, None) => Err(refused()),
        (entities, Some(kind)) => entities
            .iter()
            .find(|served| served.entity.kind.as_str() == kind)
            .map(AsRef::as_ref)
            .ok_or_else(refused),
    }
}

/// Of the fields that every asset has, those that are worth choosing from.
const COMMON: [CommonField; 6] = [
    CommonField::Provider,
    CommonField::Lifecycle,
    CommonField::SourceId,
    CommonField::Tags,
    CommonField::CreateTime,
    CommonField::LastUpdateTime,
];

fn fields(entity: &EntitySchema) -> Vec<FieldRef> {
    let declared = entity
        .fields
        .iter()
        .filter(|field| field.filterable && field.field_type.is_comparable())
        .map(|field| FieldRef::Declared(field.name.clone(), field.field_type));
    COMMON.into_iter().map(FieldRef::Common).chain(declared).collect()
}

fn body(options: &[FieldOptions]) -> String {
    let filters =
        options.iter().filter_map(|options| Some((name(&options.field)?.to_owned(), shown(options)?)));
    json!({"filters": filters.collect::<Map<String, Value>>()}).to_string()
}

fn name(field: &FieldRef) -> Option<&str> {
    match field {
        FieldRef::Common(field) => Some(field.as_str()),
        FieldRef::Declared(name, _) => Some(name.as_str()),
        FieldRef::Custom(..) | FieldRef::Label(_) => None,
    }
}

/// None for a field that no asset has a value of: there is nothing to choose.
fn shown(options: &FieldOptions) -> Option<Value> {
    let kind = options.field.field_type();
    let range = |min: Value, max: Value| json!({"type": kind.as_str(), "range": {"min": min, "max": max}});
    Some(match &options.values {
        OptionValues::Texts { values, complete } => {
            json!({"type": kind.as_str(), "values": values, "complete": complete})
        }
        OptionValues::Integers(min, max) => range(json!(min), json!(max)),
        OptionValues::Numbers(min, max) => range(json!(min), json!(max)),
        OptionValues::Times(min, max) => range(json!(min), json!(max)),
        OptionValues::None if kind == FieldType::Boolean => {
            json!({"type": kind.as_str(), "values": ["true", "false"], "complete": true})
        }
        OptionValues::None => return None,
    })
}
