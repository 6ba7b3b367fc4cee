//! The metadata that every object carries.

use k8s_openapi::jiff::Timestamp;
use serde_json::{Map, Value, json};

/// The letters of a generated suffix; vowels are left out lest they spell something.
const SUFFIX_LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// The longest prefix that still leaves room for a suffix of five.
const MAX_PREFIX: usize = 58;

pub(super) fn text(object: &Value, pointer: &str) -> String {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

pub(super) fn name(object: &Value) -> String {
    text(object, "/metadata/name")
}

pub(super) fn namespace(object: &Value) -> String {
    text(object, "/metadata/namespace")
}

pub(super) fn uid(object: &Value) -> String {
    text(object, "/metadata/uid")
}

pub(super) fn resource_version(object: &Value) -> String {
    text(object, "/metadata/resourceVersion")
}

/// The list at `pointer`, of its texts only.
pub(super) fn texts(object: &Value, pointer: &str) -> Vec<String> {
    let list = object.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

pub(super) fn finalizers(object: &Value) -> Vec<String> {
    texts(object, "/metadata/finalizers")
}

/// Whether it is being deleted.
pub(super) fn is_marked(object: &Value) -> bool {
    object.pointer("/metadata/deletionTimestamp").is_some_and(Value::is_string)
}

/// The metadata, made if there is none.
pub(super) fn metadata(object: &mut Value) -> &mut Map<String, Value> {
    member(object, "metadata")
}

/// An object inside of an object, made if there is none.
pub(super) fn member<'a>(object: &'a mut Value, key: &str) -> &'a mut Map<String, Value> {
    as_map(as_map(object).entry(key).or_insert(Value::Null))
}

/// What is no object becomes an empty one.
fn as_map(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = json!({});
    }
    match value {
        Value::Object(map) => map,
        // Said to the compiler only: the value was just made an object.
        _ => unreachable!("not an object"),
    }
}

pub(super) fn set_resource_version(object: &mut Value, revision: u64) {
    metadata(object).insert("resourceVersion".to_owned(), revision.to_string().into());
}

/// Notes that the object is being deleted.
pub(super) fn mark(object: &mut Value) {
    let metadata = metadata(object);
    metadata.insert("deletionTimestamp".to_owned(), now().into());
    metadata.insert("deletionGracePeriodSeconds".to_owned(), 0.into());
}

/// Fills in what the server alone decides about a new object.
pub(super) fn stamp(object: &mut Value) {
    let prefix = text(object, "/metadata/generateName");
    let named = !name(object).is_empty();
    let metadata = metadata(object);
    for key in
        ["resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "managedFields"]
    {
        metadata.remove(key);
    }
    metadata.insert("uid".to_owned(), uuid::Uuid::new_v4().to_string().into());
    metadata.insert("creationTimestamp".to_owned(), now().into());
    if !named && !prefix.is_empty() {
        let prefix = prefix.get(..MAX_PREFIX).unwrap_or(&prefix);
        metadata.insert("name".to_owned(), format!("{prefix}{}", suffix(5)).into());
    }
}

/// Takes over from `old` what no update changes.
pub(super) fn keep(object: &mut Value, old: &Value) {
    let kept =
        ["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generateName"];
    let metadata = metadata(object);
    metadata.remove("managedFields");
    metadata.remove("selfLink");
    for key in kept {
        match old.pointer("/metadata").and_then(|old| old.get(key)) {
            Some(value) => metadata.insert(key.to_owned(), value.clone()),
            None => metadata.remove(key),
        };
    }
}

/// The wall clock: the stamps of objects follow no paused time.
pub(super) fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Random letters and digits as Kubernetes puts after a generated name.
pub(crate) fn suffix(length: usize) -> String {
    let letter = |byte: u8| {
        let index = usize::from(byte) % SUFFIX_LETTERS.len();
        char::from(SUFFIX_LETTERS.get(index).copied().unwrap_or(b'x'))
    };
    uuid::Uuid::new_v4().as_bytes().iter().copied().take(length).map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_name_starts_with_its_prefix() {
        let mut object = json!({ "metadata": { "generateName": "run-" } });
        stamp(&mut object);
        let name = name(&object);
        assert!(name.starts_with("run-") && name.len() == 9, "{name}");
    }

    #[test]
    fn update_keeps_what_the_server_decided() {
        let old = json!({ "metadata": { "uid": "1", "creationTimestamp": "2026-01-01T00:00:00Z" } });
        let mut new =
            json!({ "metadata": { "uid": "2", "deletionTimestamp": "2026-01-01T00:00:00Z", "labels": {} } });
        keep(&mut new, &old);
        assert_eq!(
            new,
            json!({ "metadata": { "uid": "1", "labels": {}, "creationTimestamp": "2026-01-01T00:00:00Z" } })
        );
    }
}
