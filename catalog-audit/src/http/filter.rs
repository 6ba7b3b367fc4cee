//! What a list is narrowed by, read strictly.

use catalog_core::{
    clock::Timestamp,
    http::{Parameter, Query, Shape},
    problem::Problem,
};

use super::invalid;
use crate::{
    event::{EventType, Outcome},
    store::AuditQuery,
};

/// The parameters that narrow.
pub(super) const FILTERS: [&str; 9] =
    ["actor", "plugin", "resourceType", "action", "outcome", "eventType", "requestId", "since", "until"];

/// A longer value matches nothing that is kept, in bytes.
const MAX: usize = 1_024;

pub(super) fn read(query: &Query<'_>) -> Result<AuditQuery, Problem> {
    let text = |name: &str| match query.non_empty(name) {
        Some(text) if text.len() > MAX || text.contains('\0') => {
            Err(invalid(name, format!("the parameter `{name}` is longer than {MAX} bytes, or holds a NUL")))
        }
        other => Ok(other.map(String::from)),
    };
    let time = |name: &str| {
        let parse = |text: &str| {
            text.parse::<Timestamp>()
                .map_err(|_| invalid(name, format!("the parameter `{name}` is no RFC 3339 time")))
        };
        query.non_empty(name).map(parse).transpose()
    };
    let outcome = |text: &str| Outcome::parse(text).ok_or_else(|| unknown("outcome", &outcomes()));
    let event_type = |text: &str| EventType::parse(text).ok_or_else(|| unknown("eventType", &event_types()));
    Ok(AuditQuery {
        actor: text("actor")?,
        plugin: text("plugin")?,
        resource_type: text("resourceType")?,
        action: text("action")?,
        outcome: query.non_empty("outcome").map(outcome).transpose()?,
        event_type: query.non_empty("eventType").map(event_type).transpose()?,
        request_id: text("requestId")?,
        since: time("since")?,
        until: time("until")?,
        ..AuditQuery::default()
    })
}

fn unknown(parameter: &str, known: &[&str]) -> Problem {
    invalid(parameter, format!("the parameter `{parameter}` is one of {}", known.join(", ")))
}

pub(super) fn outcomes() -> Vec<&'static str> {
    Outcome::ALL.iter().map(|outcome| outcome.as_str()).collect()
}

pub(super) fn event_types() -> Vec<&'static str> {
    EventType::ALL.iter().map(|event_type| event_type.as_str()).collect()
}

pub(super) fn parameters() -> Vec<Parameter> {
    vec![
        Parameter::query("actor", "Only what that user did."),
        Parameter::query("plugin", "Only of that plugin."),
        Parameter::query("resourceType", "Only what was done to that, as roles write it: `catalogsources`."),
        Parameter::query("action", "Only what was done so: `enable`."),
        Parameter::query("outcome", "Only what came to that.").shaped(Shape::one_of(&outcomes())),
        Parameter::query("eventType", "Only events of that sort.").shaped(Shape::one_of(&event_types())),
        Parameter::query("requestId", "Only of that request."),
        Parameter::query("since", "Only what was then or later.").shaped(Shape::time()),
        Parameter::query("until", "Only what was before.").shaped(Shape::time()),
    ]
}
