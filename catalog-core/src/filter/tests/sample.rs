//! An entity and a dozen assets, each with something that others lack.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    asset::{AssetDraft, AssetRecord, CollectionKey},
    clock::Timestamp,
    name::{KindName, Namespace, PluginName, SourceId},
    schema::EntitySchema,
};

pub(in crate::filter) fn schema() -> EntitySchema {
    let field =
        |name, field_type| json!({"name": name, "displayName": name, "type": field_type, "filterable": true});
    serde_json::from_value(
        json!({"kind": "McpServer", "plural": "mcpservers", "displayName": "Server", "fields": [
            field("license", "string"),
            field("toolCount", "integer"),
            field("score", "number"),
            field("verified", "boolean"),
            field("releasedAt", "timestamp"),
            field("tasks", "strings"),
            field("in", "string"),
            {"name": "secret", "displayName": "Secret", "type": "string"},
            {"name": "config", "displayName": "Config", "type": "object"},
        ]}),
    )
    .unwrap()
}

/// The `n`th asset: its id ends in `n`, it was made and changed on the `n`th of January 2025.
pub(super) fn record(n: u8, source: &str, item: Value) -> AssetRecord {
    let time: Timestamp = format!("2025-01-{n:02}T00:00:00Z").parse().unwrap();
    let draft = AssetDraft::from_item(&schema(), item).unwrap();
    AssetRecord {
        id: Uuid::from_u128(n.into()),
        namespace: Namespace::new("team-a").unwrap(),
        collection: CollectionKey {
            plugin: PluginName::new("mcp").unwrap(),
            kind: KindName::new("McpServer").unwrap(),
        },
        source: SourceId::new(source).unwrap(),
        revision: 1,
        create_time: draft.create_time.unwrap_or(time),
        last_update_time: draft.last_update_time.unwrap_or(time),
        draft,
    }
}

pub(super) fn assets() -> Vec<AssetRecord> {
    let structure = json!({"metadataType": "MetadataStructValue", "struct_value": "e30="});
    vec![
        record(
            1,
            "hub",
            json!({
                "name": "alpha", "displayName": "Alpha", "provider": "Acme", "description": "Fast & small",
                "license": "mit", "toolCount": 3, "score": 0.5, "verified": true, "releasedAt": "2025-01-15T00:00:00Z",
                "tasks": ["chat", "code"], "in": "out", "tags": ["new", "gpu"],
                "labels": {"tier": "gold", "app.kubernetes.io/name": "alpha"},
                "customProperties": {"params": 7, "model_type": "generative", "ratio": 0.5, "ready": true, "my key": "x"},
            }),
        ),
        record(
            2,
            "hub",
            json!({
                "name": "Beta", "displayName": "beta", "provider": "acme", "lifecycle": "deprecated",
                "license": "Apache-2.0", "toolCount": 0, "score": 2, "verified": false, "tasks": [],
                "releasedAt": "2025-03-01T12:30:00.5Z", "labels": {"tier": "silver"},
                "customProperties": {"params": 70, "model_type": "predictive", "ready": false},
            }),
        ),
        record(3, "git", json!({"name": "bare"})),
        record(
            4,
            "git",
            json!({"name": "100%", "description": "100% pure", "license": "a_b", "tags": ["50%"]}),
        ),
        record(5, "git", json!({"name": r"a\b", "license": r"a\b", "customProperties": {"a.b": "dotted"}})),
        record(6, "git", json!({"name": "[x]*?", "description": "*?", "license": "[mit]"})),
        record(
            7,
            "git",
            json!({
                "name": "naïve", "displayName": "Été", "provider": "日本", "license": "MIT", "tasks": ["übersetzen"],
            }),
        ),
        record(
            8,
            "git",
            json!({
                "name": "big", "toolCount": i64::MAX, "score": 9_007_199_254_740_992_i64,
                "customProperties": {"params": 9_007_199_254_740_993_i64},
            }),
        ),
        record(
            9,
            "git",
            json!({
                "name": "low", "toolCount": i64::MIN, "score": -0.5, "customProperties": {"params": 2.5, "ratio": 1e300},
            }),
        ),
        record(
            10,
            "git",
            json!({
                "name": "O'Brien", "displayName": "O'Brien", "description": "say \"hi\"\nnow", "license": "it's",
            }),
        ),
        record(
            11,
            "git",
            json!({
                "name": "tagged", "tags": ["gpu", "100%", "A_B"], "tasks": ["Chat"],
                "labels": {"tier": "gold", "a`b": "tick"},
            }),
        ),
        record(
            12,
            "git",
            json!({
                "name": "typed",
                "customProperties": {"params": "7", "ready": "true", "ratio": 7, "string_value": "odd", "model_type": structure},
            }),
        ),
    ]
}
