//! The list of events, and one of them.

use axum::response::Response;
use catalog_core::{
    http::{Doc, Parameter, Query, Reply, Routes, Scope, Segment, Shape, json},
    order::SortKey,
    page::Position,
    permission::Verb,
    problem::Problem,
    tenant::{ScopeView, TenantScope},
};
use http::Uri;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    AuditApi,
    filter::{self, FILTERS},
    may, problem,
};
use crate::{
    event::shown,
    store::{AuditStore, SealStore},
};

const PATH: &str = "/api/audit/v1alpha1/events";

pub(super) fn routes<S: AuditStore + SealStore + Clone>(api: &AuditApi<S>) -> Routes {
    let list_doc = Doc::new(
        "listAuditEvents",
        "What was done and tried, and what came of it, the newest first. What is not sealed yet has the sequence 0.",
        Reply::json("AuditEventList"),
    );
    let list_doc = list_doc
        .with_parameters(filter::parameters())
        .with_parameters([Parameter::page_size(), Parameter::page_token()]);
    let get_doc = Doc::new("getAuditEvent", "One event.", Reply::json("AuditEvent"))
        .with_parameters([Parameter::path("id", "The event's id.")]);
    let (listing, getting) = (api.clone(), api.clone());
    Routes::new()
        .get(PATH, may(Verb::List), api.doc(list_doc), move |scope: Scope, uri: Uri| {
            list(listing.clone(), scope, uri)
        })
        .get(
            format!("{PATH}/{{id}}"),
            may(Verb::Get),
            api.doc(get_doc),
            move |scope: Scope, Segment(id): Segment, uri: Uri| get(getting.clone(), scope, id, uri),
        )
}

async fn list<S: AuditStore + SealStore + Clone>(
    api: AuditApi<S>,
    Scope(scope): Scope,
    uri: Uri,
) -> Result<Response, Problem> {
    let known: Vec<&str> = FILTERS.into_iter().chain(["pageSize", "pageToken"]).collect();
    let asked = Query::parse(uri.query(), &known)?;
    let mut query = filter::read(&asked)?;
    query.size = asked.page_size()?;
    let bound = scope_binding(&scope);
    let mut binding = vec![PATH, &bound];
    binding.extend(FILTERS.iter().map(|name| asked.get(name).unwrap_or_default()));
    let tokens = &api.parts.tokens;
    let place = |token: &str| {
        let foreign = |_| Problem::invalid_page_token("the page token is of another list");
        tokens.decode(token, &binding).map(|position| position.id).map_err(foreign)
    };
    query.after = asked.non_empty("pageToken").map(place).transpose()?;
    let mut found = api.parts.store.list(&scope, &query).await.map_err(|error| problem(&error))?;
    let more = found.len() > query.size.get();
    found.truncate(query.size.get());
    let next = found.last().filter(|_| more).map(|last| tokens.encode(&position(last.record.id), &binding));
    let items: Result<Vec<Value>, _> = found.into_iter().map(shown).collect();
    let items = items.map_err(|error| problem(&error))?;
    // `events` is `items`, for older clients
    let mut body =
        json!({"size": items.len(), "pageSize": query.size.get(), "events": items, "items": items});
    if let (Some(next), Value::Object(fields)) = (next, &mut body) {
        fields.insert("nextPageToken".into(), next.into());
    }
    Ok(json(body.to_string()))
}

async fn get<S: AuditStore + SealStore + Clone>(
    api: AuditApi<S>,
    Scope(scope): Scope,
    id: String,
    uri: Uri,
) -> Result<Response, Problem> {
    Query::parse(uri.query(), &[])?;
    let nothing = || Problem::not_found("there is no such event");
    let id: Uuid = id.parse().map_err(|_| nothing())?;
    let found = api.parts.store.find(&scope, id).await.map_err(|error| problem(&error))?;
    let event = shown(found.ok_or_else(nothing)?).map_err(|error| problem(&error))?;
    Ok(json(event.to_string()))
}

fn position(id: Uuid) -> Position {
    Position { key: SortKey::Integer(0), name: String::new(), id }
}

fn scope_binding(scope: &TenantScope) -> String {
    match scope.view() {
        ScopeView::One(namespace) => format!("one:{namespace}"),
        ScopeView::Set(namespaces) => {
            namespaces.iter().fold("set:".into(), |binding: String, name| binding + name.as_str() + ",")
        }
        ScopeView::All => "all".into(),
    }
}

pub(super) fn shapes() -> Vec<(String, Shape)> {
    let actor = Shape::object([
        ("user", Shape::string()),
        ("groups", Shape::list(Shape::string())),
        ("authenticator", Shape::string()),
    ]);
    let event = Shape::object(vec![
        ("id", Shape::uuid()),
        (
            "sequence",
            Shape::integer().described("Its place in the chain of its tenant; 0 while it has none."),
        ),
        ("sealed", Shape::boolean().described("Whether it has a place.")),
        ("namespace?", Shape::string()),
        ("eventType", Shape::one_of(&filter::event_types())),
        ("time", Shape::time()),
        ("actor", actor),
        ("requestId", Shape::string()),
        ("correlationId?", Shape::string()),
        ("sourceIp?", Shape::string()),
        ("userAgent?", Shape::string()),
        ("plugin?", Shape::string()),
        ("resourceType", Shape::string()),
        ("resourceIds", Shape::list(Shape::string())),
        ("action", Shape::string()),
        ("actionVerb", Shape::string()),
        ("outcome", Shape::one_of(&filter::outcomes())),
        ("statusCode", Shape::integer()),
        ("reason?", Shape::string().described("Why it was refused or failed: a problem's code.")),
        ("oldRevision?", Shape::integer()),
        ("newRevision?", Shape::integer()),
        ("oldValue?", Shape::any()),
        ("newValue?", Shape::any()),
        ("metadata", Shape::any_object()),
        (
            "hash",
            Shape::string().described("Of its place; of itself while it has none. SHA-256, hexadecimal."),
        ),
        ("previousHash?", Shape::string().described("Of the place before.")),
    ]);
    let list = Shape::object([
        ("events", Shape::list(Shape::named("AuditEvent")).described("The items.")),
        ("items", Shape::list(Shape::named("AuditEvent"))),
        ("size", Shape::integer()),
        ("pageSize", Shape::integer()),
        ("nextPageToken?", Shape::string()),
    ]);
    vec![("AuditEvent".into(), event), ("AuditEventList".into(), list)]
}
