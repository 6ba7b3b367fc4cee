use std::collections::BTreeSet;

use serde_json::Value;

use super::Verdict;
use crate::testing::conformance::{
    faults::{Faults, Stop},
    probe::Probe,
};

const DOCUMENT: &str = "/openapi.json";

async fn document(probe: &Probe<'_>) -> Result<Value, Stop> {
    let answer = probe.send(probe.cluster(DOCUMENT)).await?;
    if answer.status == 404 {
        return Err(Stop::skip("the server has no `/openapi.json`"));
    }
    Ok(answer.good()?.json().clone())
}

/// Whether a route is mounted: by the document, or, where there is none, by what it answers.
pub(super) async fn mounted(probe: &Probe<'_>, path: &str) -> Verdict {
    let known = match document(probe).await {
        Ok(document) => document["paths"].get(path).is_some(),
        Err(_) => false,
    };
    if known {
        return Ok(());
    }
    let answer = probe.send(probe.get(path)).await?;
    if answer.status == 404 && answer.code() == "route_not_found" {
        return Err(Stop::skip(format!("the server has no `{path}`")));
    }
    Ok(())
}

pub(super) async fn is_openapi_3_1(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let document = document(probe).await?;
    let version = document["openapi"].as_str().unwrap_or_default();
    faults.expect(version.starts_with("3.1."), || {
        format!("the document is of version `{version}` and not 3.1")
    });
    for field in ["title", "version"] {
        faults.expect(document["info"][field].is_string(), || format!("`info.{field}` is no text"));
    }
    let answer = probe.send(probe.cluster(DOCUMENT)).await?.good()?;
    let tag = answer.header("etag").unwrap_or_default().to_owned();
    faults.expect(!tag.is_empty(), || format!("{answer} without `ETag`"));
    faults.expect(answer.header("cache-control").is_some(), || format!("{answer} without `Cache-Control`"));
    let known = probe.send(probe.cluster(DOCUMENT).header("if-none-match", &tag)).await?;
    faults.expect(known.status == 304, || {
        format!("{known} to `If-None-Match` of its `ETag` where 304 was due")
    });
    Ok(())
}

pub(super) async fn has_every_route(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let document = document(probe).await?;
    let base = probe.base()?;
    let mut routes = vec![
        "/api/plugins".to_owned(),
        "/api/plugins/{plugin}".into(),
        "/api/plugins/{plugin}/capabilities".into(),
        format!("{base}/sources"),
        format!("{base}/sources/{{id}}"),
    ];
    for subject in probe.subjects()? {
        routes.extend(subject.entity.templates().map(str::to_owned));
    }
    for route in routes {
        let Some(operation) = document["paths"].get(&route).and_then(|path| path.get("get")) else {
            faults.add(format!("the document has no `GET {route}`"));
            continue;
        };
        faults
            .expect(operation["responses"]["200"].is_object(), || format!("`GET {route}` has no answer 200"));
        let parameters = operation["parameters"].as_array();
        let mut named: BTreeSet<&str> =
            parameters.into_iter().flatten().filter_map(|p| p["name"].as_str()).collect();
        for placeholder in route.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
            faults.expect(named.remove(placeholder), || {
                format!("`GET {route}` does not tell of `{placeholder}`")
            });
        }
    }
    Ok(())
}

/// Each `$ref` leads somewhere, and each operation's id is its own.
pub(super) async fn refers_to_what_it_has(probe: &Probe<'_>, faults: &mut Faults) -> Verdict {
    let document = document(probe).await?;
    let mut references = BTreeSet::new();
    collect(&document, &mut references);
    for reference in references {
        let there = reference.strip_prefix('#').is_some_and(|pointer| document.pointer(pointer).is_some());
        faults.expect(there, || format!("`{reference}` leads nowhere"));
    }
    let mut operations = BTreeSet::new();
    for path in document["paths"].as_object().into_iter().flat_map(|paths| paths.values()) {
        for operation in path.as_object().into_iter().flat_map(|path| path.values()) {
            if let Some(id) = operation["operationId"].as_str() {
                faults.expect(operations.insert(id), || format!("the operation id `{id}` is used twice"));
            }
        }
    }
    Ok(())
}

fn collect<'a>(value: &'a Value, references: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(map) => {
            references.extend(map.get("$ref").and_then(Value::as_str));
            map.values().for_each(|value| collect(value, references));
        }
        Value::Array(list) => list.iter().for_each(|value| collect(value, references)),
        _ => {}
    }
}
