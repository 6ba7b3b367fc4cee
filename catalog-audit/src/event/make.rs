//! Events of changes and of requests.

use std::borrow::Cow;

use catalog_core::{
    clock::Timestamp,
    context::{BodyRead, RequestContext, RouteInfo},
    identity::Authenticator,
    permission::Permission,
    source::redact,
    store::{
        Attribution,
        hook::{Change, Subject},
    },
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Details, Event, EventType, Outcome};
use crate::digest::hex;

/// A fresh id of that time.
pub(crate) fn new_id(now: Timestamp) -> Uuid {
    let ms = u64::try_from(now.unix_ms()).unwrap_or(0);
    let nanos = u32::try_from(ms % 1_000).unwrap_or(0) * 1_000_000;
    Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, ms / 1_000, nanos))
}

impl Event {
    /// Of something that the program did by itself: that component of it.
    pub fn of_system(event_type: EventType, component: &str, action: &str, now: Timestamp) -> Self {
        Self {
            id: new_id(now),
            namespace: None,
            event_type,
            actor: format!("system:catalog:{component}"),
            plugin: None,
            resource_type: String::new(),
            action: action.into(),
            outcome: Outcome::Success,
            request_id: String::new(),
            details: Details {
                authenticator: authenticator(Authenticator::System),
                action_verb: action.into(),
                status_code: 200,
                ..Details::default()
            },
        }
    }

    /// Of a change that is being made: by its request's own id where it is what the request asked for.
    pub(crate) fn of_change(change: &Change<'_>, now: Timestamp) -> Self {
        let (resource_type, ids, verb) = match change.subject {
            Subject::Source(id) => ("catalogsources", vec![id.to_string()], verb(change)),
            Subject::Assets(source) => ("assets", vec![source.to_string()], "update"),
            Subject::Namespace => {
                ("namespaces", change.namespace.map(ToString::to_string).into_iter().collect(), verb(change))
            }
            Subject::Jobs(ids) => ("jobs", ids.iter().map(ToString::to_string).collect(), verb(change)),
            Subject::Queue(name) => ("queues", vec![name.to_owned()], verb(change)),
            _ => ("unknown", Vec::new(), "update"),
        };
        let mut event = match change.by {
            Attribution::Request(context) => Self::of_request(context),
            Attribution::Consequence(context) => {
                let mut event = Self::of_request(context);
                event.id = new_id(now);
                event.event_type = EventType::Consequence;
                event.details.metadata.insert("requestEvent".into(), json!(context.event_id()));
                event.action = verb.into();
                event.details.action_verb = verb.into();
                event
            }
            Attribution::System { component } => Self::of_system(EventType::System, component, verb, now),
            _ => Self::of_system(EventType::System, "unknown", verb, now),
        };
        if event.action.is_empty() {
            event.action = verb.into();
            event.details.action_verb = verb.into();
        }
        event.namespace = change.namespace.cloned();
        event.plugin = change.plugin.cloned();
        event.outcome = Outcome::Success;
        event.resource_type = resource_type.into();
        let details = &mut event.details;
        details.resource_ids = ids;
        details.old_revision = change.old_revision;
        details.new_revision = change.new_revision;
        details.old_value = change.old_value.as_ref().map(|value| redact("", value));
        details.new_value = change.new_value.as_ref().map(|value| redact("", value));
        event
    }

    /// Of a request, as far as its context knows it now; its outcome is not known yet.
    pub(crate) fn of_request(context: &RequestContext) -> Self {
        let header = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let route = context.route();
        let permission = route.and_then(|route| route.access().permission());
        let verb = permission.map_or("", |permission| permission.verb.as_str());
        let action = route.and_then(custom_method).unwrap_or(verb);
        let identity = context.identity();
        let object = route.and_then(|route| route.object_name(context.path()));
        Self {
            id: context.event_id(),
            namespace: context.namespace().cloned(),
            event_type: EventType::Request,
            actor: identity.map(|identity| identity.user.clone()).unwrap_or_default(),
            plugin: permission.and_then(plugin),
            resource_type: permission.map_or("", |permission| permission.resource.as_str()).into(),
            action: action.into(),
            outcome: Outcome::Unknown,
            request_id: context.request_id().into(),
            details: Details {
                groups: identity.map(|identity| identity.groups.clone()).unwrap_or_default(),
                authenticator: identity
                    .map(|identity| authenticator(identity.authenticator))
                    .unwrap_or_default(),
                correlation_id: context.correlation_id().map(header),
                source_ip: context.peer().and_then(|peer| Some(peer.address()?.ip().to_string())),
                user_agent: context.user_agent().map(header),
                resource_ids: object.map(Cow::into_owned).into_iter().collect(),
                action_verb: verb.into(),
                status_code: route.map_or(200, |route| route.status().as_u16()),
                metadata: context.body().map(told).unwrap_or_default(),
                ..Details::default()
            },
        }
    }

    /// That request, answered so.
    #[must_use]
    pub(crate) fn answered(mut self, status: u16, reason: Option<&str>) -> Self {
        self.outcome = Outcome::of_status(status);
        self.details.status_code = status;
        self.details.reason = reason.map(Into::into);
        self
    }
}

/// What was read of a request's body.
fn told(body: BodyRead) -> Map<String, Value> {
    let mut told = Map::new();
    told.insert("bodyBytes".into(), body.bytes.into());
    told.insert("bodyDigest".into(), format!("sha256:{}", hex(&body.sha256)).into());
    if !body.is_whole {
        told.insert("bodyIncomplete".into(), true.into());
    }
    told
}

fn verb(change: &Change<'_>) -> &'static str {
    match (&change.old_value, &change.new_value) {
        (None, Some(_)) => "create",
        (_, None) => "delete",
        _ => "update",
    }
}

fn plugin(permission: &Permission) -> Option<catalog_core::name::PluginName> {
    permission.plugin.as_deref()?.parse().ok()
}

/// What stands behind the colon of `/sources/{id}:enable`.
fn custom_method(route: &RouteInfo) -> Option<&str> {
    let last = route.template().rsplit('/').next()?;
    last.rsplit_once(':').map(|(_, method)| method)
}

fn authenticator(authenticator: Authenticator) -> String {
    match json!(authenticator) {
        Value::String(text) => text,
        other => other.to_string(),
    }
}
