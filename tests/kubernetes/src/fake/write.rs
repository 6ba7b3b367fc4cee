//! Creating, replacing and deleting objects.
//!
//! Source: `k8s.io/apiserver/pkg/registry/generic/registry/store.go` and `pkg/endpoints/handlers`.

use http::StatusCode;
use serde_json::Value;

use super::aggregation;
use super::bootstrap::SYSTEM_NAMESPACES;
use super::list;
use super::object;
use super::rbac::{self, Attributes, User};
use super::request::Call;
use super::resource::{CLUSTER_ROLES, NAMESPACES, Resource};
use super::selector::Filter;
use super::status::{self, Failure, FieldError};
use super::store::{Key, Store};
use super::validate;

/// A status code and the body that goes with it.
pub(super) type Reply = (StatusCode, Value);

/// `POST` to a collection.
pub(super) fn create(store: &mut Store, call: &Call, resource: &'static Resource) -> Result<Reply, Failure> {
    let object = read(call, resource)?;
    if !call.attributes.name.is_empty() {
        return Err(Failure::method_not_allowed());
    }
    let object = insert(store, resource, object)?;
    Ok((StatusCode::CREATED, object))
}

/// `PUT` of an object.
pub(super) fn replace(
    store: &mut Store,
    call: &Call,
    user: &User,
    resource: &'static Resource,
) -> Result<Reply, Failure> {
    let object = read(call, resource)?;
    check_name(call, &object)?;
    let key = Key::new(resource, &call.attributes.namespace, &call.attributes.name);
    let current = store.get(&key);
    check_uid(resource, &object, current)?;
    match current {
        Some(current) => {
            let current = current.clone();
            update(store, resource, object, &current).map(|object| (StatusCode::OK, object))
        }
        None if resource.create_on_update => create_by_update(store, call, user, resource, object),
        None => Err(Failure::not_found(resource, &call.attributes.name)),
    }
}

/// Creates by a verb that is no create, which needs the right to create nevertheless.
pub(super) fn create_by_update(
    store: &mut Store,
    call: &Call,
    user: &User,
    resource: &'static Resource,
    mut object: Value,
) -> Result<Reply, Failure> {
    let create = Attributes { verb: "create".to_owned(), ..call.attributes.clone() };
    rbac::authorize(store, user, &create)?;
    object::metadata(&mut object).remove("resourceVersion");
    let object = insert(store, resource, object)?;
    Ok((StatusCode::CREATED, object))
}

/// Reads the object of a request, in the namespace of the request.
fn read(call: &Call, resource: &Resource) -> Result<Value, Failure> {
    decode(call.json()?, resource, &call.attributes.namespace)
}

/// Makes of any JSON an object of this resource.
pub(super) fn decode(object: Value, resource: &Resource, namespace: &str) -> Result<Value, Failure> {
    let kind = resource.kind;
    let mut object = (resource.normalise)(object).map_err(|error| {
        Failure::bad_request(format!(
            "{kind} in version {:?} cannot be handled as a {kind}: {error}",
            resource.version
        ))
    })?;
    if !resource.namespaced {
        object::metadata(&mut object).remove("namespace");
        return Ok(object);
    }
    match object::namespace(&object).as_str() {
        "" => object::metadata(&mut object).insert("namespace".to_owned(), namespace.into()),
        other if other == namespace => None,
        _ => {
            let message =
                "the namespace of the provided object does not match the namespace sent on the request";
            return Err(Failure::bad_request(message));
        }
    };
    Ok(object)
}

fn check_name(call: &Call, object: &Value) -> Result<(), Failure> {
    let (name, asked) = (object::name(object), &call.attributes.name);
    let message = if name.is_empty() {
        format!("the name of the object ({asked} based on URL) was undeterminable: name must be provided")
    } else if name != *asked {
        format!("the name of the object ({name}) does not match the name on the URL ({asked})")
    } else {
        return Ok(());
    };
    Err(Failure::bad_request(message))
}

/// An object that carries a uid replaces only its former self.
fn check_uid(resource: &Resource, object: &Value, current: Option<&Value>) -> Result<(), Failure> {
    let uid = object::uid(object);
    let found = current.map(object::uid).unwrap_or_default();
    let creates = current.is_none() && !resource.create_on_update;
    if uid.is_empty() || uid == found || creates {
        return Ok(());
    }
    let (namespace, name) = (object::namespace(object), object::name(object));
    let path = Key::new_path(resource, &namespace, &name);
    let why = format!(
        "StorageError: invalid object, Code: 4, Key: /registry/{}/{path}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: {uid}, UID in object meta: {found}",
        resource.plural
    );
    Err(Failure::conflict(resource, &name, &why))
}

/// Puts a new object there.
fn insert(store: &mut Store, resource: &'static Resource, mut object: Value) -> Result<Value, Failure> {
    check_namespace(store, resource, &object)?;
    if !matches!(object::resource_version(&object).as_str(), "" | "0") {
        let message = "resourceVersion should not be set on objects to be created";
        return Err(Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "", message));
    }
    object::stamp(&mut object);
    validate::default(resource, &mut object);
    let errors = validate::check(resource, &object);
    let name = object::name(&object);
    if !errors.is_empty() {
        return Err(Failure::invalid(resource, &name, &errors));
    }
    if store.find(resource, &object::namespace(&object), &name).is_some() {
        return Err(Failure::already_exists(resource, &name));
    }
    let object = store.put(resource, object);
    settle(store, resource);
    Ok(object)
}

/// A namespaced object needs its namespace, and one that stays.
fn check_namespace(store: &Store, resource: &Resource, object: &Value) -> Result<(), Failure> {
    if !resource.namespaced {
        return Ok(());
    }
    let namespace = object::namespace(object);
    match store.find(&NAMESPACES, "", &namespace) {
        None => Err(Failure::not_found(&NAMESPACES, &namespace)),
        Some(found) if object::is_marked(found) => {
            let why = format!(
                "unable to create new content in namespace {namespace} because it is being terminated"
            );
            let name = object::name(object);
            let failure = Failure::forbidden(resource.group, resource.plural, &name, &why);
            let message = format!("namespace {namespace} is being terminated");
            Err(failure.with_cause("NamespaceTerminating", &message, "metadata.namespace"))
        }
        Some(_) => Ok(()),
    }
}

/// Puts an object in place of its former self, unless it is the same.
pub(super) fn update(
    store: &mut Store,
    resource: &'static Resource,
    mut object: Value,
    current: &Value,
) -> Result<Value, Failure> {
    let name = object::name(current);
    let version = object::resource_version(&object);
    match version.as_str() {
        "" | "0" if resource.unconditional_update => {}
        "" | "0" => {
            let error =
                FieldError::invalid("metadata.resourceVersion", &0.into(), "must be specified for an update");
            return Err(Failure::invalid_kind(
                resource.qualified,
                resource.plural,
                resource.group,
                &name,
                &[error],
            ));
        }
        version if version == object::resource_version(current) => {}
        _ => return Err(Failure::outdated(resource, &name)),
    }
    object::keep(&mut object, current);
    if resource.kind == NAMESPACES.kind {
        // Its own subresources change these.
        for part in ["spec", "status"] {
            let kept = current.get(part).cloned().unwrap_or_default();
            object.as_object_mut().and_then(|object| object.insert(part.to_owned(), kept));
        }
    }
    validate::default(resource, &mut object);
    let errors = validate::check_update(resource, &object, current);
    if !errors.is_empty() {
        return Err(Failure::invalid(resource, &name, &errors));
    }
    let mut unchanged = object.clone();
    let version = object::resource_version(current);
    object::metadata(&mut unchanged).insert("resourceVersion".to_owned(), version.into());
    if unchanged == *current {
        return Ok(unchanged);
    }
    let object = store.put(resource, object);
    if object::is_marked(&object) && object::finalizers(&object).is_empty() {
        store.remove(&Key::new(resource, &object::namespace(&object), &name));
    }
    settle(store, resource);
    Ok(object)
}

/// `DELETE` of an object.
pub(super) fn delete(store: &mut Store, call: &Call, resource: &'static Resource) -> Result<Reply, Failure> {
    let name = &call.attributes.name;
    let key = Key::new(resource, &call.attributes.namespace, name);
    let Some(current) = store.get(&key) else { return Err(Failure::not_found(resource, name)) };
    check_preconditions(resource, name, &call.json()?, current)?;
    if resource.kind == NAMESPACES.kind {
        return delete_namespace(store, name);
    }
    let uid = Value::from(object::uid(current));
    let deleted = store.delete(resource, &key);
    settle(store, resource);
    Ok(match deleted {
        Some((object, false)) => (StatusCode::OK, object),
        _ => (StatusCode::OK, status::success(resource, name, &uid)),
    })
}

fn check_preconditions(
    resource: &Resource,
    name: &str,
    options: &Value,
    current: &Value,
) -> Result<(), Failure> {
    let expected = |field: &str| {
        Some(object::text(options, &format!("/preconditions/{field}"))).filter(|text| !text.is_empty())
    };
    let (uid, version) = (object::uid(current), object::resource_version(current));
    if let Some(expected) = expected("uid").filter(|expected| *expected != uid) {
        let why = format!(
            "the UID in the precondition ({expected}) does not match the UID in record ({uid}). The object might have been deleted and then recreated"
        );
        return Err(Failure::conflict(resource, name, &why));
    }
    if let Some(expected) = expected("resourceVersion").filter(|expected| *expected != version) {
        let why = format!(
            "the ResourceVersion in the precondition ({expected}) does not match the ResourceVersion in record ({version}). The object might have been modified"
        );
        return Err(Failure::conflict(resource, name, &why));
    }
    Ok(())
}

/// Marks a namespace, and deletes what is in it as the controller of a real cluster does a little later.
fn delete_namespace(store: &mut Store, name: &str) -> Result<Reply, Failure> {
    if SYSTEM_NAMESPACES.contains(&name) && name != "kube-node-lease" {
        let why = "this namespace may not be deleted";
        return Err(Failure::forbidden("", NAMESPACES.plural, name, why));
    }
    let Some(namespace) = store.find(&NAMESPACES, "", name) else {
        return Err(Failure::not_found(&NAMESPACES, name));
    };
    let mut namespace = namespace.clone();
    if !object::is_marked(&namespace) {
        object::mark(&mut namespace);
        object::metadata(&mut namespace).remove("deletionGracePeriodSeconds");
        object::member(&mut namespace, "status").insert("phase".to_owned(), "Terminating".into());
        namespace = store.put(&NAMESPACES, namespace);
    }
    for (resource, key) in store.content(name) {
        store.delete(resource, &key);
    }
    settle(store, &NAMESPACES);
    Ok((StatusCode::OK, namespace))
}

/// `DELETE` of a collection, of what the selectors pick.
pub(super) fn delete_collection(
    store: &mut Store,
    call: &Call,
    resource: &'static Resource,
) -> Result<Reply, Failure> {
    if resource.kind == NAMESPACES.kind {
        return Err(Failure::method_not_allowed());
    }
    let filter = Filter::new(resource, call.parameter("labelSelector"), call.parameter("fieldSelector"))?;
    let picked: Vec<Key> = store
        .list(resource, &call.attributes.namespace)
        .filter(|(_, object)| filter.matches(object))
        .map(|(key, _)| key.clone())
        .collect();
    let deleted: Vec<Value> =
        picked.iter().filter_map(|key| store.delete(resource, key)).map(|(object, _)| object).collect();
    settle(store, resource);
    Ok((StatusCode::OK, list::body(resource, store.revision(), deleted)))
}

/// Does at once what controllers do after a write.
fn settle(store: &mut Store, resource: &Resource) {
    if resource.qualified == CLUSTER_ROLES.qualified {
        aggregation::settle(store);
    }
    store.settle_namespaces();
}
