//! Reading objects, one or many.

use http::StatusCode;
use serde_json::{Value, json};

use super::request::Call;
use super::resource::Resource;
use super::selector::Filter;
use super::status::{Failure, FieldError};
use super::store::{self, Key, Store};
use super::write::Reply;

/// In place of a version in a token: go on with the objects of now, since those of then are forgotten.
const LATEST: &str = "latest";

/// `GET` of an object.
pub(super) fn get(store: &Store, call: &Call, resource: &'static Resource) -> Result<Reply, Failure> {
    let (namespace, name) = (&call.attributes.namespace, &call.attributes.name);
    let object = store.find(resource, namespace, name);
    object.map(|object| (StatusCode::OK, object.clone())).ok_or_else(|| Failure::not_found(resource, name))
}

/// `GET` of a collection, by pages if a limit is given.
pub(super) fn list(store: &Store, call: &Call, resource: &'static Resource) -> Result<Reply, Failure> {
    refuse_initial_events(call, "list")?;
    let filter = Filter::new(resource, call.parameter("labelSelector"), call.parameter("fieldSelector"))?;
    let limit =
        call.number("limit")?.filter(|limit| *limit > 0).and_then(|limit| usize::try_from(limit).ok());
    let (revision, after) = start(store, call)?;
    let past = (revision != store.revision()).then(|| store.at(revision));
    let mut rest =
        store::within(past.as_ref().unwrap_or(store.objects()), resource, &call.attributes.namespace)
            .filter(|(key, _)| after.as_ref().is_none_or(|after| key.path > *after));
    let mut items = Vec::new();
    let mut last: Option<&Key> = None;
    while limit.is_none_or(|limit| items.len() < limit) {
        let Some((key, object)) = rest.next() else { break };
        last = Some(key);
        if filter.matches(object) {
            items.push(object.clone());
        }
    }
    let remaining = rest.count();
    let mut body = body(resource, revision, items);
    if let (Some(last), true, Some(metadata)) =
        (last, remaining > 0, body.get_mut("metadata").and_then(Value::as_object_mut))
    {
        metadata.insert("continue".to_owned(), format!("{revision}:{}", last.path).into());
        if filter.is_empty() {
            metadata.insert("remainingItemCount".to_owned(), remaining.into());
        }
    }
    Ok((StatusCode::OK, body))
}

/// A list as it is answered; its items do not repeat what they are.
pub(super) fn body(resource: &Resource, revision: u64, items: Vec<Value>) -> Value {
    let mut items = items;
    for item in items.iter_mut().filter_map(Value::as_object_mut) {
        item.remove("kind");
        item.remove("apiVersion");
    }
    json!({
        "kind": format!("{}List", resource.kind),
        "apiVersion": resource.api_version(),
        "metadata": { "resourceVersion": revision.to_string() },
        "items": items,
    })
}

/// The revision to show, and the path after which to start.
fn start(store: &Store, call: &Call) -> Result<(u64, Option<String>), Failure> {
    let version = call.parameter("resourceVersion");
    let rule = call.parameter("resourceVersionMatch");
    let token = call.parameter("continue");
    if token.is_empty() {
        let asked = parse_version(version)?.unwrap_or(0);
        if asked > store.revision() {
            return Err(Failure::too_large_version(asked, store.revision()));
        }
        if rule == "Exact" {
            if asked < store.compacted() {
                return Err(Failure::expired("The provided resource version is too old."));
            }
            return Ok((asked, None));
        }
        return Ok((store.revision(), None));
    }
    if !matches!(version, "" | "0") {
        return Err(Failure::bad_request("specifying resource version is not allowed when using continue"));
    }
    let broken = || Failure::bad_request("continue key is not valid");
    let (revision, path) = token.split_once(':').ok_or_else(broken)?;
    if revision == LATEST {
        return Ok((store.revision(), Some(path.to_owned())));
    }
    let revision: u64 = revision.parse().map_err(|_| broken())?;
    if revision < store.compacted() {
        let message = "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.";
        let token = format!("{LATEST}:{path}");
        return Err(Failure::expired(message).with_continue(token));
    }
    Ok((revision, Some(path.to_owned())))
}

/// A resource version of a request; `None` if it has none.
pub(super) fn parse_version(text: &str) -> Result<Option<u64>, Failure> {
    match text {
        "" => Ok(None),
        _ => text.parse().map(Some).map_err(|_| {
            let error = FieldError::invalid("resourceVersion", &text.into(), "must be an unsigned integer");
            Failure::invalid_kind("ListOptions.meta.k8s.io", "ListOptions", "meta.k8s.io", "", &[error])
        }),
    }
}

/// Answers as a server without streaming lists.
pub(super) fn refuse_initial_events(call: &Call, verb: &str) -> Result<(), Failure> {
    if call.parameter("sendInitialEvents").is_empty() {
        return Ok(());
    }
    let detail =
        format!("sendInitialEvents is forbidden for {verb} unless the WatchList feature gate is enabled");
    let error = FieldError::forbidden("sendInitialEvents", &detail);
    Err(Failure::invalid_kind("ListOptions.meta.k8s.io", "ListOptions", "meta.k8s.io", "", &[error]))
}
