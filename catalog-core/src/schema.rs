//! What a plugin lists, as data: its entities, their fields and how these are sorted, filtered, searched and shown.

use serde::{Deserialize, Serialize};

use crate::{
    asset::CommonField,
    name::{FieldName, KindName, PluginName},
};

/// One plugin, as data.
///
/// From it derive the plugin's routes, its capabilities, the typing of filters and orders, and its part of the OpenAPI document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PluginDefinition {
    /// The plugin's name.
    pub name: PluginName,
    /// The API version in its base path: `v1alpha1`.
    pub version: String,
    /// What people call it.
    pub display_name: String,
    /// One sentence.
    #[serde(default)]
    pub description: String,
    /// Other names under `catalogs:` of a `sources.yaml` that mean this plugin.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub source_keys: Vec<String>,
    /// What it lists; at least one.
    pub entities: Vec<EntitySchema>,
}

/// One entity of a plugin, as data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EntitySchema {
    /// Its kind: `McpServer`.
    pub kind: KindName,
    /// Its segment of a path: `mcpservers`.
    pub plural: String,
    /// The key of its list in a catalog file; the plural where none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list_key: Option<String>,
    /// What people call one of them.
    pub display_name: String,
    /// One sentence.
    #[serde(default)]
    pub description: String,
    /// The key of an item that holds its artifacts, which are served by a route of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifacts: Option<FieldName>,
    /// The entity's own fields, beside those that every asset has.
    #[serde(default)]
    pub fields: Vec<FieldSchema>,
}

/// One declared field of an entity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a yes or no of the definition file")]
pub struct FieldSchema {
    /// Its key in a catalog file and on the wire.
    pub name: FieldName,
    /// What people call it.
    pub display_name: String,
    /// One sentence.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What its values are.
    #[serde(rename = "type")]
    pub field_type: FieldType,
    /// An item without it is rejected.
    #[serde(default)]
    pub required: bool,
    /// A list may be ordered by it.
    #[serde(default)]
    pub sortable: bool,
    /// A filter may name it.
    #[serde(default)]
    pub filterable: bool,
    /// `q` looks into it.
    #[serde(default)]
    pub searchable: bool,
    /// How to show it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<DisplayFormat>,
    /// Its known values, for a filter to offer; another value is no error.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// A list shows it as a column.
    #[serde(default)]
    pub column: bool,
    /// Width of that column in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u16>,
    /// The page of one asset shows it.
    #[serde(default = "yes")]
    pub detail: bool,
    /// The section of that page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub section: Option<String>,
}

fn yes() -> bool {
    true
}

/// What the values of a field are.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FieldType {
    /// Text, compared by its UTF-8 bytes.
    String,
    /// A whole number of 64 bits.
    Integer,
    /// A finite IEEE 754 number of 64 bits.
    Number,
    /// True or false; false sorts first.
    Boolean,
    /// A time; RFC 3339 on the wire, milliseconds.
    Timestamp,
    /// A list of texts.
    Strings,
    /// A JSON object, kept and shown but never compared.
    Object,
    /// A list of JSON values, kept and shown but never compared.
    Objects,
}

impl FieldType {
    /// The name, as definitions and errors write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Timestamp => "timestamp",
            Self::Strings => "strings",
            Self::Object => "object",
            Self::Objects => "objects",
        }
    }

    /// Whether values of the type have one order.
    pub fn is_ordered(self) -> bool {
        matches!(self, Self::String | Self::Integer | Self::Number | Self::Boolean | Self::Timestamp)
    }

    /// Whether a filter may compare values of the type.
    pub fn is_comparable(self) -> bool {
        self.is_ordered() || self == Self::Strings
    }
}

/// A hint of how to show a field.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DisplayFormat {
    /// Plain text.
    Text,
    /// Markdown.
    Markdown,
    /// One word in a coloured box.
    Badge,
    /// A row of such boxes.
    Tags,
    /// A URL to follow.
    Link,
    /// A URL of a picture.
    Image,
    /// A point in time.
    DateTime,
    /// Program text.
    Code,
    /// A JSON tree.
    Json,
}

/// Why a definition cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct SchemaError {
    /// Where in the definition: `entities[0].fields[2].name`.
    pub path: String,
    /// What is wrong there.
    pub message: String,
}

impl PluginDefinition {
    /// The path below which all of the plugin's routes lie: `/api/model_catalog/v1alpha1`.
    pub fn base_path(&self) -> String {
        format!("/api/{}_catalog/{}", self.name, self.version)
    }

    /// The entity of that kind.
    pub fn entity(&self, kind: &KindName) -> Option<&EntitySchema> {
        self.entities.iter().find(|entity| entity.kind == *kind)
    }

    /// Whether `key`, found under `catalogs:` of a `sources.yaml`, means this plugin.
    pub fn answers_to(&self, key: &str) -> bool {
        self.name.as_str() == key || self.source_keys.iter().any(|k| k == key)
    }

    /// Checks what the types of the fields cannot say.
    ///
    /// # Errors
    /// Every fault that was found, at least one.
    pub fn validate(&self) -> Result<(), Vec<SchemaError>> {
        let mut faults = Faults::default();
        if !is_version(&self.version) {
            faults.add("version", format!("`{}` is no API version such as `v1` or `v1alpha1`", self.version));
        }
        if self.entities.is_empty() {
            faults.add("entities", "a plugin lists at least one entity".into());
        }
        for (e, entity) in self.entities.iter().enumerate() {
            let at = format!("entities[{e}]");
            if self
                .entities
                .iter()
                .take(e)
                .any(|other| other.plural == entity.plural || other.kind == entity.kind)
            {
                faults.add(
                    &at,
                    format!("kind `{}` or plural `{}` is declared twice", entity.kind, entity.plural),
                );
            }
            entity.validate(&at, &mut faults);
        }
        if faults.0.is_empty() { Ok(()) } else { Err(faults.0) }
    }
}

/// Path segments below the base path that the catalog itself serves.
const RESERVED_PLURALS: [&str; 4] = ["sources", "actions", "filter_options", "management"];

impl EntitySchema {
    /// The key of the entity's list in a catalog file.
    pub fn list_key(&self) -> &str {
        self.list_key.as_deref().unwrap_or(&self.plural)
    }

    /// The declared field of that name.
    pub fn field(&self, name: &str) -> Option<&FieldSchema> {
        self.fields.iter().find(|field| field.name.as_str() == name)
    }

    fn validate(&self, at: &str, faults: &mut Faults) {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if self.plural.is_empty() || !self.plural.bytes().all(plain) {
            faults.add(
                &format!("{at}.plural"),
                format!("`{}` must be lower-case letters, digits or `-`", self.plural),
            );
        }
        if RESERVED_PLURALS.contains(&self.plural.as_str()) {
            faults
                .add(&format!("{at}.plural"), format!("`{}` is a route of the catalog itself", self.plural));
        }
        for (f, field) in self.fields.iter().enumerate() {
            let at = format!("{at}.fields[{f}]");
            let name = field.name.as_str();
            if CommonField::named(name).is_some() || CommonField::RESERVED.contains(&name) {
                faults.add(&at, format!("`{name}` is a field that every asset has"));
            }
            if self.artifacts.as_ref() == Some(&field.name) {
                faults.add(&at, format!("`{name}` is declared as the key of the artifacts"));
            }
            if self.fields.iter().take(f).any(|other| other.name == field.name) {
                faults.add(&at, format!("`{name}` is declared twice"));
            }
            field.validate(&at, faults);
        }
    }
}

impl FieldSchema {
    fn validate(&self, at: &str, faults: &mut Faults) {
        let kind = self.field_type.as_str();
        if self.sortable && !self.field_type.is_ordered() {
            faults.add(&format!("{at}.sortable"), format!("values of type `{kind}` have no order"));
        }
        if self.filterable && !self.field_type.is_comparable() {
            faults.add(&format!("{at}.filterable"), format!("values of type `{kind}` cannot be compared"));
        }
        if self.searchable && !matches!(self.field_type, FieldType::String | FieldType::Strings) {
            faults.add(&format!("{at}.searchable"), format!("values of type `{kind}` hold no words"));
        }
    }
}

#[derive(Default)]
struct Faults(Vec<SchemaError>);

impl Faults {
    fn add(&mut self, path: &str, message: String) {
        self.0.push(SchemaError { path: path.into(), message });
    }
}

/// `v1`, `v2beta1`, `v1alpha1`: the form of Kubernetes.
fn is_version(text: &str) -> bool {
    let number = |s: &str| !s.is_empty() && !s.starts_with('0') && s.bytes().all(|b| b.is_ascii_digit());
    let Some(rest) = text.strip_prefix('v') else { return false };
    ["alpha", "beta"]
        .iter()
        .find_map(|stage| rest.split_once(stage))
        .map_or_else(|| number(rest), |(major, minor)| number(major) && number(minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition() -> PluginDefinition {
        serde_json::from_value(serde_json::json!({
            "name": "mcp", "version": "v1alpha1", "displayName": "MCP", "sourceKeys": ["mcps"],
            "entities": [{"kind": "McpServer", "plural": "mcpservers", "displayName": "Server", "fields": [
                {"name": "toolCount", "displayName": "Tools", "type": "integer", "sortable": true, "filterable": true}
            ]}]
        }))
        .unwrap()
    }

    #[test]
    fn a_sound_definition_passes() {
        let plugin = definition();
        assert_eq!(plugin.validate(), Ok(()));
        assert_eq!(plugin.base_path(), "/api/mcp_catalog/v1alpha1");
        assert!(plugin.answers_to("mcp") && plugin.answers_to("mcps") && !plugin.answers_to("model"));
    }

    #[test]
    fn every_fault_is_named_with_its_place() {
        let mut plugin = definition();
        plugin.version = "v0".into();
        let entity = &mut plugin.entities[0];
        entity.plural = "sources".into();
        entity.fields[0].searchable = true;
        let mut twin = entity.fields[0].clone();
        twin.field_type = FieldType::Object;
        entity.fields.push(twin);
        entity.fields[0].name = FieldName::new("revision").unwrap();
        let faults = plugin.validate().unwrap_err();
        let paths: Vec<&str> = faults.iter().map(|fault| fault.path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "version",
                "entities[0].plural",
                "entities[0].fields[0]",
                "entities[0].fields[0].searchable",
                "entities[0].fields[1].sortable",
                "entities[0].fields[1].filterable",
                "entities[0].fields[1].searchable",
            ]
        );
    }

    #[test]
    fn versions_have_the_form_of_kubernetes() {
        for good in ["v1", "v10", "v1alpha1", "v2beta3"] {
            assert!(is_version(good), "{good}");
        }
        for bad in ["", "1", "v", "v0", "v1alpha", "valpha1", "v1alpha0", "v1gamma1", "v1/..", "V1"] {
            assert!(!is_version(bad), "{bad}");
        }
    }
}
