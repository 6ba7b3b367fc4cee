//! The shapes of the contract's bodies.

use super::Shape;
use crate::schema::{EntitySchema, FieldSchema, FieldType, PluginDefinition};

/// The name of an entity's shape: unique among the plugins of a server.
pub(in crate::http) fn entity_shape_name(plugin: &PluginDefinition, entity: &EntitySchema) -> String {
    let mut name: String = plugin.name.as_str().split('-').map(capitalized).collect();
    if !entity.kind.as_str().to_lowercase().contains(plugin.name.as_str().trim_end_matches('s')) {
        name.push_str(entity.kind.as_str());
        return name;
    }
    entity.kind.to_string()
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

/// The shapes of an entity and of a page of them.
pub(in crate::http) fn entity_shapes(plugin: &PluginDefinition) -> Vec<(String, Shape)> {
    plugin
        .entities
        .iter()
        .flat_map(|entity| {
            let name = entity_shape_name(plugin, entity);
            let list = page(Shape::named(&name));
            [(name, self::entity(entity)), (format!("{}List", entity_shape_name(plugin, entity)), list)]
        })
        .collect()
}

fn entity(entity: &EntitySchema) -> Shape {
    let texts = || Shape::map(Shape::string());
    let common = [
        ("id", Shape::uuid()),
        ("namespace", Shape::string()),
        ("plugin", Shape::string()),
        ("kind", Shape::string()),
        ("name", Shape::string()),
        ("displayName?", Shape::string()),
        ("description?", Shape::string()),
        ("provider?", Shape::string()),
        ("sourceId", Shape::string()),
        ("revision", Shape::integer()),
        ("labels", texts()),
        ("annotations", texts()),
        ("tags", Shape::list(Shape::string())),
        ("lifecycle", Shape::string()),
        ("createTime", Shape::time()),
        ("lastUpdateTime", Shape::time()),
        ("customProperties", Shape::map(Shape::named("CustomProperty"))),
    ];
    let declared: Vec<(String, Shape)> =
        entity.fields.iter().map(|field| (format!("{}?", field.name), self::field(field))).collect();
    let declared = declared.iter().map(|(name, shape)| (name.as_str(), shape.clone()));
    Shape::object(common.into_iter().chain(declared)).described(&entity.description)
}

fn field(field: &FieldSchema) -> Shape {
    let shape = match field.field_type {
        FieldType::String => Shape::string(),
        FieldType::Integer => Shape::integer(),
        FieldType::Number => Shape::number(),
        FieldType::Boolean => Shape::boolean(),
        FieldType::Timestamp => Shape::time(),
        FieldType::Strings => Shape::list(Shape::string()),
        FieldType::Object => Shape::any_object(),
        FieldType::Objects => Shape::list(Shape::any_object()),
    };
    shape.described(if field.description.is_empty() { &field.display_name } else { &field.description })
}

fn page(item: Shape) -> Shape {
    Shape::object([
        ("items", Shape::list(item)),
        ("size", Shape::integer().described("Items in this page.")),
        ("pageSize", Shape::integer()),
        ("nextPageToken?", Shape::string().described("Absent on the last page.")),
        ("totalSize?", Shape::integer().described("Where `includeTotal=true` asked for it.")),
    ])
}

/// The shapes that every catalog has.
pub(in crate::http) fn common_shapes() -> Vec<(String, Shape)> {
    let shapes = [
        ("Problem", problem()),
        ("ProblemDetail", problem_detail()),
        ("CustomProperty", custom_property()),
        (
            "PluginList",
            Shape::object([("plugins", Shape::list(Shape::named("Plugin"))), ("count", Shape::integer())]),
        ),
        ("Plugin", plugin()),
        ("Capabilities", capabilities()),
        ("ArtifactList", page(Shape::any_object())),
        ("FilterOptions", Shape::object([("filters", Shape::map(Shape::named("FilterOption")))])),
        ("FilterOption", filter_option()),
        ("SourceList", source_list()),
        ("Source", source()),
        ("SourceStatus", source_status()),
        ("Refresh", refresh()),
    ];
    shapes.into_iter().map(|(name, shape)| (name.into(), shape)).collect()
}

fn problem() -> Shape {
    Shape::object([
        ("type", Shape::string()),
        ("title", Shape::string()),
        ("status", Shape::integer()),
        ("detail", Shape::string().described("What is wrong, for people.")),
        ("instance?", Shape::string().described("The path that was asked for.")),
        ("code", Shape::string().described("What is wrong, for programs: snake case, stable.")),
        ("requestId?", Shape::string()),
        ("namespace?", Shape::string()),
        ("plugin?", Shape::string()),
        ("source?", Shape::string()),
        ("errors?", Shape::list(Shape::named("ProblemDetail"))),
    ])
    .described("Every error, as RFC 9457 has it.")
}

fn problem_detail() -> Shape {
    Shape::object([
        ("pointer?", Shape::string().described("Where in the body, as a JSON pointer.")),
        ("parameter?", Shape::string().described("Which parameter.")),
        ("position?", Shape::integer().described("Where in its value, in characters from 0.")),
        ("code", Shape::string()),
        ("detail", Shape::string()),
    ])
}

fn filter_option() -> Shape {
    let bound = || Shape::any().described("A number or a time, as the field's values are.");
    Shape::object([
        ("type", Shape::string()),
        ("values?", Shape::list(Shape::string())),
        ("complete?", Shape::boolean().described("Whether those are all values.")),
        ("range?", Shape::object([("min", bound()), ("max", bound())])),
    ])
    .described("What one field's values are.")
}

fn custom_property() -> Shape {
    Shape::object([
        ("metadataType", Shape::string()),
        ("string_value?", Shape::string()),
        ("int_value?", Shape::string()),
        ("double_value?", Shape::number()),
        ("bool_value?", Shape::boolean()),
    ])
}

fn plugin() -> Shape {
    let status = Shape::object([
        ("enabled", Shape::boolean()),
        ("initialized", Shape::boolean()),
        ("serving", Shape::boolean()),
        ("lastError?", Shape::string()),
    ]);
    let management =
        ["sourceManager", "refresh", "diagnostics", "actions"].map(|name| (name, Shape::boolean()));
    Shape::object([
        ("name", Shape::string()),
        ("version", Shape::string()),
        ("displayName", Shape::string()),
        ("description", Shape::string()),
        ("basePath", Shape::string()),
        ("healthy", Shape::boolean()),
        ("entityKinds", Shape::list(Shape::string())),
        ("capabilitiesV2", Shape::named("Capabilities")),
        ("status", status),
        ("management", Shape::object(management)),
    ])
}

fn capabilities() -> Shape {
    let field = |more: &[(&'static str, Shape)]| {
        let base = [
            ("name", Shape::string()),
            ("displayName", Shape::string()),
            ("type", Shape::string()),
            ("format?", Shape::string()),
        ];
        Shape::list(Shape::object(base.into_iter().chain(more.iter().cloned())))
    };
    let path = || ("path", Shape::string());
    let fields = Shape::object([
        ("columns", field(&[path(), ("sortable", Shape::boolean()), ("width?", Shape::integer())])),
        ("filterFields", field(&[("options?", Shape::list(Shape::string()))])),
        ("detailFields", field(&[path(), ("section?", Shape::string())])),
        ("sortFields", Shape::list(Shape::string())),
    ]);
    let entity = Shape::object([
        ("kind", Shape::string()),
        ("plural", Shape::string()),
        ("displayName", Shape::string()),
        ("description", Shape::string()),
        ("endpoints", Shape::map(Shape::string())),
        ("fields", fields),
        ("actions", Shape::list(Shape::string())),
    ]);
    let plugin = ["name", "version", "displayName", "description"].map(|name| (name, Shape::string()));
    let sources = Shape::object([
        ("manageable", Shape::boolean()),
        ("refreshable", Shape::boolean()),
        ("types", Shape::list(Shape::string())),
    ]);
    Shape::object([
        ("schemaVersion", Shape::string()),
        ("plugin", Shape::object(plugin)),
        ("entities", Shape::list(entity)),
        ("sources", sources),
        ("actions", Shape::list(Shape::any_object())),
    ])
}

fn source_list() -> Shape {
    let sources = || Shape::list(Shape::named("Source"));
    Shape::object([
        ("items", sources()),
        ("sources", sources().described("As `items`, for older clients.")),
        ("size", Shape::integer()),
        ("count", Shape::integer().described("As `size`, for older clients.")),
        ("pageSize", Shape::integer()),
        ("nextPageToken?", Shape::string()),
    ])
}

fn source() -> Shape {
    Shape::object([
        ("id", Shape::string()),
        ("namespace", Shape::string()),
        ("plugin", Shape::string()),
        ("name", Shape::string()),
        ("type", Shape::string()),
        ("enabled", Shape::boolean()),
        ("labels", Shape::list(Shape::string())),
        ("properties", Shape::any_object().described("What looks like a secret is redacted.")),
        ("include", Shape::list(Shape::string())),
        ("exclude", Shape::list(Shape::string())),
        (
            "schedule?",
            Shape::string().described(
                "When the source is read anew: five parts as cron writes them, and a time zone, UTC where none is named.",
            ),
        ),
        (
            "managedBy?",
            Shape::string().described("What keeps the source as it is: `file` for one of a `sources.yaml`."),
        ),
        ("revision", Shape::integer()),
        ("createTime", Shape::time()),
        ("lastUpdateTime", Shape::time()),
        ("status", Shape::named("SourceStatus")),
    ])
}

fn source_status() -> Shape {
    Shape::object([
        ("state", Shape::one_of(&["loading", "available", "partial", "error", "disabled"])),
        ("entityCount", Shape::integer()),
        ("lastRefresh?", Shape::named("Refresh")),
        ("age?", Shape::integer().described("Seconds since the last refresh ended.")),
        ("error?", Shape::string()),
    ])
}

fn refresh() -> Shape {
    let figures =
        ["loaded", "updated", "unchanged", "removed", "rejected"].map(|name| (name, Shape::integer()));
    let rest = [
        ("jobId", Shape::uuid()),
        ("state", Shape::one_of(&["succeeded", "failed"])),
        ("revision", Shape::integer().described("The revision of the source that was read.")),
        ("fingerprint?", Shape::string().described("Tells what was read from what was read before.")),
        ("startedAt", Shape::time()),
        ("finishedAt", Shape::time()),
    ];
    Shape::object(rest.into_iter().chain(figures))
}
