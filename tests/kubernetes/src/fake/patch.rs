//! Changing a part of an object.

use http::StatusCode;
use serde_json::Value;

use super::object;
use super::rbac::User;
use super::request::Call;
use super::resource::Resource;
use super::status::{Failure, FieldError};
use super::store::{Key, Store};
use super::write::{self, Reply};

const JSON: &str = "application/json-patch+json";
const MERGE: &str = "application/merge-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";
const APPLY: &str = "application/apply-patch+yaml";

/// `PATCH` of an object.
///
/// A strategic patch is merged like a plain one: the lists of what is served here are replaced as a whole, but
/// for owners and finalizers. An applied one is merged too; nobody owns fields, so none conflict and none vanish.
pub(super) fn patch(
    store: &mut Store,
    call: &Call,
    user: &User,
    resource: &'static Resource,
) -> Result<Reply, Failure> {
    let content_type = call.header("content-type").split(';').next().unwrap_or_default().trim();
    let (namespace, name) = (&call.attributes.namespace, &call.attributes.name);
    let change = call.json()?;
    let current = store.get(&Key::new(resource, namespace, name)).cloned();
    if content_type == APPLY {
        check_apply(call, &change)?;
        let Some(current) = current else {
            let object = write::decode(change, resource, namespace)?;
            return write::create_by_update(store, call, user, resource, object);
        };
        return merge(store, resource, namespace, &current, &change);
    }
    if ![JSON, MERGE, STRATEGIC].contains(&content_type) {
        return Err(Failure::unsupported_media_type(&[JSON, MERGE, STRATEGIC, APPLY].join(", ")));
    }
    let Some(current) = current else { return Err(Failure::not_found(resource, name)) };
    if content_type != JSON {
        return merge(store, resource, namespace, &current, &change);
    }
    let operations: json_patch::Patch =
        serde_json::from_value(change).map_err(|error| Failure::bad_request(error.to_string()))?;
    let mut object = current.clone();
    json_patch::patch(&mut object, &operations).map_err(|error| {
        Failure::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "Invalid",
            format!("the server rejected our request due to an error in our request: {error}"),
        )
    })?;
    finish(store, resource, namespace, &current, object)
}

fn check_apply(call: &Call, change: &Value) -> Result<(), Failure> {
    if call.parameter("fieldManager").is_empty() {
        let error = FieldError::required("fieldManager", "is required for apply patch");
        let (kind, group) = ("PatchOptions", "meta.k8s.io");
        return Err(Failure::invalid_kind(&format!("{kind}.{group}"), kind, group, "", &[error]));
    }
    if change.pointer("/metadata/managedFields").is_some_and(|fields| !fields.is_null()) {
        return Err(Failure::bad_request("metadata.managedFields must be nil"));
    }
    let name = object::name(change);
    if !name.is_empty() && name != call.attributes.name {
        let asked = &call.attributes.name;
        let message = format!("the name of the object ({name}) does not match the name on the URL ({asked})");
        return Err(Failure::bad_request(message));
    }
    Ok(())
}

fn merge(
    store: &mut Store,
    resource: &'static Resource,
    namespace: &str,
    current: &Value,
    change: &Value,
) -> Result<Reply, Failure> {
    if !change.is_object() {
        return Err(Failure::bad_request("the patch is no JSON object"));
    }
    let mut object = current.clone();
    json_patch::merge(&mut object, change);
    finish(store, resource, namespace, current, object)
}

fn finish(
    store: &mut Store,
    resource: &'static Resource,
    namespace: &str,
    current: &Value,
    object: Value,
) -> Result<Reply, Failure> {
    let object = write::decode(object, resource, namespace)?;
    let immutable = ["name", "uid"].into_iter().filter_map(|field| {
        let pointer = format!("/metadata/{field}");
        let new = object.pointer(&pointer).cloned().unwrap_or_default();
        let differs = object.pointer(&pointer) != current.pointer(&pointer);
        differs.then(|| FieldError::invalid(format!("metadata.{field}"), &new, "field is immutable"))
    });
    let errors: Vec<FieldError> = immutable.collect();
    if !errors.is_empty() {
        return Err(Failure::invalid(resource, &object::name(current), &errors));
    }
    write::update(store, resource, object, current).map(|object| (StatusCode::OK, object))
}
