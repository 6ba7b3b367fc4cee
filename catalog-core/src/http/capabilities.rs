//! What a plugin lists and can do, as data from which user interfaces and command lines are built.

use serde_json::{Value, json};

use super::{cache::with, filter_options};
use crate::{
    asset::CommonField,
    order::OrderBy,
    schema::{EntitySchema, FieldSchema, FieldType, PluginDefinition},
};

/// The version of the shape.
const SCHEMA_VERSION: &str = "v2";

pub(super) fn capabilities(plugin: &PluginDefinition) -> Value {
    json!({
        "schemaVersion": SCHEMA_VERSION,
        "plugin": {
            "name": plugin.name,
            "version": plugin.version,
            "displayName": plugin.display_name,
            "description": plugin.description,
        },
        "entities": plugin.entities.iter().map(|entity| self::entity(plugin, entity)).collect::<Vec<_>>(),
        "sources": {"manageable": false, "refreshable": false, "types": ["yaml"]},
        "actions": [],
    })
}

fn entity(plugin: &PluginDefinition, entity: &EntitySchema) -> Value {
    let list = format!("{}/{}", plugin.base_path(), entity.plural);
    let artifacts = entity.artifacts.is_some().then(|| format!("{list}/{{name}}/artifacts"));
    let endpoints = json!({"list": list, "get": format!("{list}/{{name}}"), "filterOptions": filter_options::path(plugin)});
    let endpoints = with(endpoints, "artifacts", artifacts);
    let sortable: Vec<&str> = OrderBy::sortable(entity).collect();
    let is_sortable = |name: &str| sortable.contains(&name);
    let columns = Common::COLUMNS
        .iter()
        .map(|common| common.column(is_sortable(common.field.as_str())))
        .chain(entity.fields.iter().filter(|field| field.column).map(column));
    let filters = Common::ALL
        .iter()
        .map(Common::filter)
        .chain(entity.fields.iter().filter(|field| field.filterable).map(filter));
    let details = Common::ALL
        .iter()
        .map(Common::detail)
        .chain(entity.fields.iter().filter(|field| field.detail).map(detail));
    json!({
        "kind": entity.kind,
        "plural": entity.plural,
        "displayName": entity.display_name,
        "description": entity.description,
        "endpoints": endpoints,
        "fields": {
            "columns": columns.collect::<Vec<_>>(),
            "filterFields": filters.collect::<Vec<_>>(),
            "detailFields": details.collect::<Vec<_>>(),
            "sortFields": sortable,
        },
        "actions": [],
    })
}

/// How a field that every asset has is shown.
struct Common {
    field: CommonField,
    display_name: &'static str,
}

impl Common {
    const ALL: [Self; 9] = [
        Self { field: CommonField::Name, display_name: "Name" },
        Self { field: CommonField::DisplayName, display_name: "Display name" },
        Self { field: CommonField::Description, display_name: "Description" },
        Self { field: CommonField::Provider, display_name: "Provider" },
        Self { field: CommonField::Tags, display_name: "Tags" },
        Self { field: CommonField::Lifecycle, display_name: "Lifecycle" },
        Self { field: CommonField::SourceId, display_name: "Source" },
        Self { field: CommonField::CreateTime, display_name: "Created" },
        Self { field: CommonField::LastUpdateTime, display_name: "Last updated" },
    ];
    /// A list shows these before the entity's own columns.
    const COLUMNS: [Self; 2] = [
        Self { field: CommonField::Name, display_name: "Name" },
        Self { field: CommonField::Provider, display_name: "Provider" },
    ];

    fn kind(&self) -> &'static str {
        self.field.field_type().as_str()
    }

    fn column(&self, sortable: bool) -> Value {
        let name = self.field.as_str();
        json!({"name": name, "displayName": self.display_name, "path": name, "type": self.kind(), "sortable": sortable})
    }

    fn filter(&self) -> Value {
        json!({"name": self.field.as_str(), "displayName": self.display_name, "type": self.kind()})
    }

    fn detail(&self) -> Value {
        let name = self.field.as_str();
        json!({"name": name, "displayName": self.display_name, "path": name, "type": self.kind(), "section": "Overview"})
    }
}

fn base(field: &FieldSchema) -> Value {
    let base =
        json!({"name": field.name, "displayName": field.display_name, "type": field.field_type.as_str()});
    with(base, "format", field.format.map(|format| json!(format)))
}

fn column(field: &FieldSchema) -> Value {
    let column = with(base(field), "path", Some(field.name.as_str()));
    with(with(column, "sortable", Some(field.sortable)), "width", field.width)
}

fn filter(field: &FieldSchema) -> Value {
    let options = match field.field_type {
        FieldType::Boolean => Some(json!(["true", "false"])),
        _ if field.options.is_empty() => None,
        _ => Some(json!(field.options)),
    };
    with(base(field), "options", options)
}

fn detail(field: &FieldSchema) -> Value {
    with(with(base(field), "path", Some(field.name.as_str())), "section", field.section.as_deref())
}
