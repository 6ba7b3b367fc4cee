//! An asset as a provider read it.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::{AttributeValue, Attributes, CommonField, custom};
use crate::{
    clock::Timestamp,
    excerpt::{line, shown},
    name::AssetName,
    order::SortKey,
    schema::{EntitySchema, FieldSchema, FieldType},
    search::SearchText,
};

/// One thing wrong with an item. Its `Display` is one short line.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{}` {}", shown(.pointer), line(.message, 256))]
pub struct FieldFault {
    /// Where in the item, as a JSON pointer (RFC 6901): `/toolCount`.
    pub pointer: String,
    /// What is wrong, to be read after the field's name.
    pub message: String,
}

impl FieldFault {
    fn new(segments: &[&str], message: impl Into<String>) -> Self {
        let pointer = segments
            .iter()
            .fold(String::new(), |path, segment| path + "/" + &segment.replace('~', "~0").replace('/', "~1"));
        Self { pointer, message: message.into() }
    }
}

/// An asset that has passed its schema and waits to be stored.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct AssetDraft {
    /// Its name within its source.
    pub name: AssetName,
    /// What people call it.
    pub display_name: Option<String>,
    /// What it is.
    pub description: Option<String>,
    /// Who makes it.
    pub provider: Option<String>,
    /// Where it stands in its life; `active` where nothing is said.
    pub lifecycle: String,
    /// When it was made, where the source says so.
    pub create_time: Option<Timestamp>,
    /// When it was last changed, where the source says so.
    pub last_update_time: Option<Timestamp>,
    /// Notes for programs.
    pub annotations: BTreeMap<String, String>,
    /// The entity's own fields, declared or not, as the wire shows them.
    pub fields: Map<String, Value>,
    /// The custom properties, as the wire shows them.
    pub custom_properties: Map<String, Value>,
    /// Its artifacts, each a JSON object.
    pub artifacts: Vec<Value>,
    /// What filters and orders compare.
    pub attributes: Attributes,
    /// What `q` looks into.
    pub search: SearchText,
}

/// An asset may hold that many artifacts.
const MAX_ARTIFACTS: usize = 1_000;
/// What filters and searches read of one field at most, in bytes: what they cost grows with it.
const MAX_FILTERED: usize = 64 * 1_024;
const DEFAULT_LIFECYCLE: &str = "active";

impl AssetDraft {
    /// Checks one item of a catalog against the entity's schema.
    ///
    /// Undeclared keys are kept and served; filters and orders cannot name them. `null` is as absent.
    ///
    /// # Errors
    /// Every fault of the item, at least one.
    pub fn from_item(schema: &EntitySchema, item: Value) -> Result<Self, Vec<FieldFault>> {
        let Value::Object(mut item) = item else {
            return Err(vec![FieldFault::new(&[], "must be a mapping of fields")]);
        };
        let mut faults = Vec::new();
        if item.iter().any(|(key, value)| key.contains('\0') || holds_nul(value)) {
            // neither engine's text takes one
            faults.push(FieldFault::new(&[], "must not hold a NUL character"));
            return Err(faults);
        }
        let mut take = Taker { item: &mut item, faults: &mut faults };

        let name = take.name();
        let display_name = take.sortable_text("displayName");
        let description = take.bounded_text("description");
        let provider = take.sortable_text("provider");
        let lifecycle = take.sortable_text("lifecycle").unwrap_or_else(|| DEFAULT_LIFECYCLE.into());
        let create_time = take.time("createTime", "createTimeSinceEpoch");
        let last_update_time = take.time("lastUpdateTime", "lastUpdateTimeSinceEpoch");
        let mut attributes =
            Attributes { tags: take.texts("tags"), labels: take.map("labels"), ..Attributes::default() };
        let annotations = take.map("annotations");
        let custom_properties = take.custom_properties(&mut attributes);
        let artifacts = schema.artifacts.as_ref().map(|key| take.artifacts(key.as_str())).unwrap_or_default();
        for field in &schema.fields {
            take.declared(field, &mut attributes);
        }
        // what a store alone decides
        for key in CommonField::RESERVED.into_iter().chain(["id", "sourceId"]) {
            if item.shift_remove(key).is_some() {
                faults.push(FieldFault::new(&[key], "is set by the catalog and must not be given"));
            }
        }
        let Some(name) = name else { return Err(faults) };
        if !faults.is_empty() {
            return Err(faults);
        }
        let mut draft = Self {
            name,
            display_name,
            description,
            provider,
            lifecycle,
            create_time,
            last_update_time,
            annotations,
            fields: item,
            custom_properties,
            artifacts,
            attributes,
            search: SearchText::default(),
        };
        draft.search = draft.searched(schema);
        Ok(draft)
    }

    /// A digest of everything in the draft: equal drafts need not be written again.
    pub fn digest(&self) -> [u8; 32] {
        // a map of texts and JSON values always serializes
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        Sha256::digest(bytes).into()
    }

    fn searched(&self, schema: &EntitySchema) -> SearchText {
        let titles = [Some(self.name.as_str()), self.display_name.as_deref()];
        let common = [self.description.as_deref(), self.provider.as_deref()];
        let mut texts: Vec<&str> = common.into_iter().flatten().collect();
        for field in schema.fields.iter().filter(|field| field.searchable) {
            match self.fields.get(field.name.as_str()) {
                Some(Value::String(text)) => texts.push(text),
                Some(Value::Array(list)) => texts.extend(list.iter().filter_map(Value::as_str)),
                _ => {}
            }
        }
        SearchText::new(titles.into_iter().flatten(), texts)
    }
}

/// Takes fields out of an item and notes what is wrong with them.
struct Taker<'a> {
    item: &'a mut Map<String, Value>,
    faults: &'a mut Vec<FieldFault>,
}

impl Taker<'_> {
    fn fault(&mut self, key: &str, message: impl Into<String>) {
        self.faults.push(FieldFault::new(&[key], message));
    }

    fn remove(&mut self, key: &str) -> Option<Value> {
        self.item.shift_remove(key).filter(|value| !value.is_null())
    }

    fn name(&mut self) -> Option<AssetName> {
        let Some(text) = self.text("name") else {
            if !self.faults.iter().any(|fault| fault.pointer == "/name") {
                self.fault("name", "is required");
            }
            return None;
        };
        AssetName::new(text).map_err(|error| self.fault("name", error.rule())).ok()
    }

    fn text(&mut self, key: &str) -> Option<String> {
        match self.remove(key)? {
            Value::String(text) => Some(text),
            other => {
                self.fault(key, format!("must be a text, not {}", noun(&other)));
                None
            }
        }
    }

    /// A text that filters read.
    fn bounded_text(&mut self, key: &str) -> Option<String> {
        let text = self.text(key)?;
        if text.len() > MAX_FILTERED {
            self.fault(key, too_long_to_filter());
            return None;
        }
        Some(text)
    }

    /// A text that lists may be ordered by.
    fn sortable_text(&mut self, key: &str) -> Option<String> {
        let text = self.text(key)?;
        if text.len() > SortKey::MAX_TEXT {
            self.fault(key, too_long());
            return None;
        }
        Some(text)
    }

    fn texts(&mut self, key: &str) -> Vec<String> {
        match self.remove(key).map(|value| strings(&value)) {
            Some(Ok(texts)) if length(&texts) > MAX_FILTERED => {
                self.fault(key, too_long_to_filter());
                Vec::new()
            }
            Some(Ok(texts)) => texts,
            Some(Err(message)) => {
                self.fault(key, message);
                Vec::new()
            }
            None => Vec::new(),
        }
    }

    fn map(&mut self, key: &str) -> BTreeMap<String, String> {
        let mut out = BTreeMap::new();
        match self.remove(key) {
            None => {}
            Some(Value::Object(map)) => {
                for (inner, value) in map {
                    match value {
                        Value::String(text) if text.len() > MAX_FILTERED => {
                            self.faults.push(FieldFault::new(&[key, &inner], too_long_to_filter()));
                        }
                        Value::String(text) => {
                            out.insert(inner, text);
                        }
                        _ => self.faults.push(FieldFault::new(&[key, &inner], "must be a text")),
                    }
                }
            }
            Some(other) => self.fault(key, format!("must be a mapping of texts, not {}", noun(&other))),
        }
        out
    }

    /// A time in RFC 3339 under `key`, or in milliseconds since 1970, mostly as text, under Kubeflow's `epoch_key`.
    fn time(&mut self, key: &str, epoch_key: &str) -> Option<Timestamp> {
        if let Some(value) = self.remove(key) {
            let time = value.as_str().and_then(|text| text.parse().ok());
            if time.is_none() {
                self.fault(key, "must be an RFC 3339 time");
            }
            return time;
        }
        let value = self.remove(epoch_key)?;
        let ms = value.as_str().map_or_else(|| value.as_i64(), |text| text.parse().ok());
        let time = ms.and_then(|ms| Timestamp::from_unix_ms(ms).ok());
        if time.is_none() {
            self.fault(epoch_key, "must be milliseconds since 1970");
        }
        time
    }

    fn custom_properties(&mut self, attributes: &mut Attributes) -> Map<String, Value> {
        let mut out = Map::new();
        match self.remove("customProperties") {
            None => {}
            Some(Value::Object(map)) => {
                for (key, value) in map {
                    match custom::normalize(value) {
                        Ok((_, Some(AttributeValue::String(text)))) if text.len() > MAX_FILTERED => {
                            self.faults
                                .push(FieldFault::new(&["customProperties", &key], too_long_to_filter()));
                        }
                        Ok((wire, attribute)) => {
                            if let Some(attribute) = attribute {
                                attributes.custom.insert(key.clone(), attribute);
                            }
                            out.insert(key, wire);
                        }
                        Err(message) => {
                            self.faults.push(FieldFault::new(&["customProperties", &key], message));
                        }
                    }
                }
            }
            Some(other) => self.fault("customProperties", format!("must be a mapping, not {}", noun(&other))),
        }
        out
    }

    fn artifacts(&mut self, key: &str) -> Vec<Value> {
        match self.remove(key) {
            None => Vec::new(),
            Some(Value::Array(list)) if list.len() > MAX_ARTIFACTS => {
                self.fault(key, format!("must hold at most {MAX_ARTIFACTS} artifacts"));
                Vec::new()
            }
            Some(Value::Array(list)) if list.iter().all(Value::is_object) => list,
            Some(_) => {
                self.fault(key, "must be a list of mappings");
                Vec::new()
            }
        }
    }

    /// Checks a declared field; its value stays in the item, its comparable form goes to the attributes.
    fn declared(&mut self, field: &FieldSchema, attributes: &mut Attributes) {
        let key = field.name.as_str();
        let Some(value) = self.item.get(key).filter(|value| !value.is_null()) else {
            self.item.shift_remove(key);
            if field.required {
                self.fault(key, "is required");
            }
            return;
        };
        let read = field.filterable || field.searchable;
        match attribute(field.field_type, value) {
            Ok(Some(attribute)) if read && attribute_length(&attribute) > MAX_FILTERED => {
                self.fault(key, too_long_to_filter());
            }
            Ok(Some(AttributeValue::String(text))) if field.sortable && text.len() > SortKey::MAX_TEXT => {
                self.fault(key, too_long());
            }
            Ok(Some(attribute)) if field.filterable || field.sortable => {
                attributes.fields.insert(field.name.clone(), attribute);
            }
            Ok(_) => {}
            Err(message) => self.fault(key, message),
        }
    }
}

/// The comparable form of `value`, none where the type has none.
fn attribute(field_type: FieldType, value: &Value) -> Result<Option<AttributeValue>, String> {
    let wrong = |want: &str| format!("must be {want}, not {}", noun(value));
    let attribute = match field_type {
        FieldType::String => match value.as_str() {
            Some(text) => AttributeValue::String(text.into()),
            None => return Err(wrong("a text")),
        },
        FieldType::Integer => {
            AttributeValue::Integer(value.as_i64().ok_or_else(|| wrong("a whole number of 64 bits"))?)
        }
        FieldType::Number => {
            let number = value.as_f64().filter(|number| number.is_finite());
            AttributeValue::Number(number.ok_or_else(|| wrong("a finite number"))?)
        }
        FieldType::Boolean => AttributeValue::Boolean(value.as_bool().ok_or_else(|| wrong("true or false"))?),
        FieldType::Timestamp => {
            let time = value.as_str().and_then(|text| text.parse().ok());
            AttributeValue::Timestamp(time.ok_or_else(|| wrong("an RFC 3339 time"))?)
        }
        FieldType::Strings => AttributeValue::Strings(strings(value)?),
        FieldType::Object => return if value.is_object() { Ok(None) } else { Err(wrong("a mapping")) },
        FieldType::Objects => return if value.is_array() { Ok(None) } else { Err(wrong("a list")) },
    };
    Ok(Some(attribute))
}

/// How much text there is to read.
fn attribute_length(attribute: &AttributeValue) -> usize {
    match attribute {
        AttributeValue::String(text) => text.len(),
        AttributeValue::Strings(texts) => length(texts),
        _ => 0,
    }
}

fn length(texts: &[String]) -> usize {
    texts.iter().map(String::len).sum()
}

fn too_long_to_filter() -> String {
    format!("is read by filters or searches, and so holds at most {MAX_FILTERED} bytes")
}

fn too_long() -> String {
    format!("is ordered by, and so holds at most {} bytes", SortKey::MAX_TEXT)
}

fn strings(value: &Value) -> Result<Vec<String>, String> {
    let list =
        value.as_array().and_then(|list| list.iter().map(|item| item.as_str().map(String::from)).collect());
    list.ok_or_else(|| format!("must be a list of texts, not {}", noun(value)))
}

fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(list) => list.iter().any(holds_nul),
        Value::Object(map) => map.iter().any(|(key, value)| key.contains('\0') || holds_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn noun(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> EntitySchema {
        serde_json::from_value(json!({
            "kind": "CatalogModel", "plural": "models", "displayName": "Model", "artifacts": "artifacts",
            "fields": [
                {"name": "license", "displayName": "License", "type": "string", "filterable": true, "required": true},
                {"name": "score", "displayName": "Score", "type": "number", "sortable": true},
                {"name": "tasks", "displayName": "Tasks", "type": "strings", "searchable": true, "filterable": true},
            ]
        }))
        .unwrap()
    }

    #[test]
    fn an_item_becomes_a_draft() {
        let item = json!({
            "name": "acme/neural", "description": "Fast", "license": "mit", "score": 2, "tasks": ["Text-Generation"],
            "createTimeSinceEpoch": "1736899200000", "tags": ["chat"], "labels": {"tier": "gold"}, "logo": null, "extra": {"a": 1},
            "customProperties": {"params": {"metadataType": "MetadataIntValue", "int_value": "7"}},
            "artifacts": [{"uri": "oci://example.com/a:1"}],
        });
        let draft = AssetDraft::from_item(&schema(), item).unwrap();
        assert_eq!(draft.create_time.unwrap().to_string(), "2025-01-15T00:00:00.000Z");
        assert_eq!(draft.search.text(), "acme neural fast text generation");
        assert_eq!(draft.fields["extra"], json!({"a": 1}));
        assert_eq!(draft.artifacts.len(), 1);
        assert!(!draft.fields.contains_key("name") && !draft.fields.contains_key("artifacts"));
        let attributes = serde_json::to_string(&draft.attributes).unwrap();
        assert_eq!(
            attributes,
            r#"{"fields":{"license":"mit","score":2.0,"tasks":["Text-Generation"]},"custom":{"params":7},"labels":{"tier":"gold"},"tags":["chat"]}"#
        );
    }

    #[test]
    fn every_fault_is_told_with_its_pointer() {
        let item = json!({
            "description": 5, "score": "high", "tasks": "one", "id": "x", "revision": 3, "labels": {"a/b": 1},
            "customProperties": {"p": []}, "artifacts": [1], "createTime": "yesterday",
        });
        let faults = AssetDraft::from_item(&schema(), item).unwrap_err();
        let mut pointers: Vec<&str> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
        pointers.sort_unstable();
        assert_eq!(
            pointers,
            [
                "/artifacts",
                "/createTime",
                "/customProperties/p",
                "/description",
                "/id",
                "/labels/a~1b",
                "/license",
                "/name",
                "/revision",
                "/score",
                "/tasks",
            ]
        );
    }

    #[test]
    fn what_a_database_or_a_page_token_cannot_hold_is_refused() {
        let fault = |item| AssetDraft::from_item(&schema(), item).unwrap_err().remove(0).pointer;
        assert_eq!(fault(json!({"name": "a", "license": "mit", "extra": [{"b": "\0"}]})), "");
        assert_eq!(fault(json!({"name": "a", "license": "mit", "customProperties": {"a\0": 1}})), "");
        assert_eq!(fault(json!({"name": "a", "license": "mit", "provider": "x".repeat(513)})), "/provider");
    }

    #[test]
    fn what_filters_and_searches_read_is_bounded() {
        let (fits, long) = ("x".repeat(MAX_FILTERED), "x".repeat(MAX_FILTERED + 1));
        let half = "x".repeat(MAX_FILTERED / 2 + 1);
        let draft = |key: &str, value: Value| {
            let mut item = json!({"name": "a", "license": "mit"});
            item[key] = value;
            AssetDraft::from_item(&schema(), item)
        };
        for (key, value, pointer) in [
            ("description", json!(long), "/description"),
            ("license", json!(long), "/license"),
            ("tasks", json!([half, half]), "/tasks"),
            ("tags", json!([half, half]), "/tags"),
            ("labels", json!({"a": long}), "/labels/a"),
            ("customProperties", json!({"a": long}), "/customProperties/a"),
        ] {
            let faults = draft(key, value).unwrap_err();
            assert_eq!(faults.iter().map(|fault| fault.pointer.as_str()).collect::<Vec<_>>(), [pointer]);
        }
        assert!(draft("description", json!(fits)).is_ok());
        assert!(draft("readme", json!(long)).is_ok(), "nothing reads it");
    }

    #[test]
    fn the_digest_tells_drafts_apart() {
        let draft = |score| {
            AssetDraft::from_item(&schema(), json!({"name": "a", "license": "mit", "score": score})).unwrap()
        };
        assert_eq!(draft(1).digest(), draft(1).digest());
        assert_ne!(draft(1).digest(), draft(2).digest());
    }
}
