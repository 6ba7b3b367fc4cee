use axum::response::Response;
use catalog_core::{
    http::{Parameter, Query, Scope, Shape, store_problem},
    name::{PluginName, SourceId},
    order::SortKey,
    page::Position,
    problem::Problem,
};
use http::Uri;
use serde_json::json;

use super::{Jobs, answer};
use crate::{
    record::{JobQuery, JobState},
    store::RecordStore,
};

const PARAMETERS: [&str; 6] = ["plugin", "sourceId", "state", "requestedBy", "pageSize", "pageToken"];

pub(super) fn parameters() -> [Parameter; 7] {
    let states = JobState::ALL.map(JobState::as_str);
    [
        Parameter::query("plugin", "Only jobs for that plugin."),
        Parameter::query("sourceId", "Only jobs for that source."),
        Parameter::query("state", "Only jobs in that state.").shaped(Shape::one_of(&states)),
        Parameter::query("requestedBy", "Only jobs that this user asked for."),
        Parameter::page_size(),
        Parameter::page_token(),
        Parameter::all_namespaces(),
    ]
}

pub(super) async fn list<S: RecordStore>(
    jobs: Jobs<S>,
    Scope(scope): Scope,
    uri: Uri,
) -> Result<Response, Problem> {
    let query = Query::parse(uri.query(), &PARAMETERS)?;
    let size = query.page_size()?;
    let path = jobs.path();
    // no tenant is called so
    let namespace = scope.single().map_or_else(|| "*".into(), ToString::to_string);
    // a token is of one list: the tenant or all, the kind and all that narrows it
    let narrowed =
        ["plugin", "sourceId", "state", "requestedBy"].map(|name| query.get(name).unwrap_or_default());
    let mut binding = vec![path.as_str(), namespace.as_str()];
    binding.extend(narrowed);
    let before = query.non_empty("pageToken").map(|token| jobs.parts.tokens.decode(token, &binding));
    let before = before
        .transpose()
        .map_err(|error| Problem::invalid_page_token(error.to_string()).with_parameter("pageToken"))?;
    let asked = JobQuery {
        kind: Some(jobs.parts.kind.clone()),
        plugin: named(&query, "plugin", |text| PluginName::new(text).map_err(|error| error.to_string()))?,
        source: named(&query, "sourceId", |text| SourceId::new(text).map_err(|error| error.to_string()))?,
        state: named(&query, "state", |text| {
            let all = JobState::ALL.map(JobState::as_str).join(", ");
            JobState::parse(text).ok_or_else(|| format!("`state` is one of {all}"))
        })?,
        requested_by: query.non_empty("requestedBy").map(ToOwned::to_owned),
        before: before.map(|before| before.id),
        size,
    };
    let mut records = jobs.parts.store.list(&scope, &asked).await.map_err(|error| store_problem(&error))?;
    let more = records.len() > size.get();
    records.truncate(size.get());
    let mut body = json!({"items": records, "size": records.len(), "pageSize": size.get()});
    if let Some(last) = records.last().filter(|_| more) {
        let position = Position { key: SortKey::Text(String::new()), name: String::new(), id: last.id };
        let token = jobs.parts.tokens.encode(&position, &binding);
        if let Some(body) = body.as_object_mut() {
            body.insert("nextPageToken".into(), token.into());
        }
    }
    Ok(answer::body(&body))
}

fn named<T>(
    query: &Query<'_>,
    name: &str,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, Problem> {
    let refused = |error| Problem::invalid_parameter(error).with_parameter(name);
    query.non_empty(name).map(|text| read(text).map_err(refused)).transpose()
}
