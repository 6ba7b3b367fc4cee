//! The stack with an audit trail and refresh jobs beside it, as the contract has them.

use async_trait::async_trait;
use bytes::Bytes;
use catalog_core::testing::conformance::{ServiceTarget, Target, TargetError};
use http::{Request, Response};
use serde_json::{Value, json};

use super::mutant::Asked;

const EVENTS: &str = "/api/audit/v1alpha1/events";
const JOBS: &str = "/api/jobs/v1alpha1/refresh";

#[derive(Debug)]
pub(super) struct Mounted<S>(pub(super) ServiceTarget<S>);

#[async_trait]
impl<S> Target for Mounted<S>
where
    ServiceTarget<S>: Target,
    S: Send + Sync,
{
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TargetError> {
        let asked = Asked::read(request.clone());
        let answer = match asked.path() {
            EVENTS => list(&asked, "events", &[0, 1, 2].map(event)),
            JOBS => list(&asked, "jobs", &[0, 1, 2].map(job)),
            path => match path.strip_prefix(JOBS).and_then(|id| id.strip_prefix("/job-")?.parse().ok()) {
                Some(n) => (200, job(n)),
                None => return self.0.send(request).await,
            },
        };
        let mut response = Response::new(answer.1.to_string().into());
        *response.status_mut() = answer.0.try_into().unwrap_or_default();
        Ok(response)
    }

    fn name(&self) -> String {
        self.0.name()
    }
}

/// A page of the items, mirrored under another name, or the refusal of what the list does not know.
fn list(asked: &Asked, mirror: &str, items: &[Value]) -> (u16, Value) {
    let code = match (asked.get("pageSize"), asked.get("pageToken")) {
        (Some("0"), _) => Some("invalid_page_size"),
        (_, Some(_)) => Some("invalid_page_token"),
        _ if asked.get("noSuchParameter").is_some() => Some("invalid_parameter"),
        _ => None,
    };
    if let Some(code) = code {
        return (400, json!({"status": 400, "code": code}));
    }
    let size = asked.get("pageSize").and_then(|size| size.parse().ok()).unwrap_or(100);
    let page: Vec<Value> = items.iter().take(size).cloned().collect();
    let mut body = json!({"items": page, "size": page.len(), "pageSize": size, mirror: page});
    if page.len() < items.len() {
        body["nextPageToken"] = "more".into();
    }
    (200, body)
}

fn event(n: usize) -> Value {
    json!({
        "id": format!("event-{n}"), "sequence": n, "namespace": "team-a", "eventType": "change", "time": "2025-01-01T00:00:00.000Z",
        "actor": {"user": "engineer-a", "groups": []}, "requestId": "1", "resourceType": "catalogsources", "resourceIds": ["main"],
        "action": "apply", "actionVerb": "update", "outcome": "success", "statusCode": 200, "hash": "a", "previousHash": "b",
    })
}

fn job(n: usize) -> Value {
    json!({
        "id": format!("job-{n}"), "namespace": "team-a", "plugin": "model", "requestedBy": "engineer-a", "state": "succeeded",
        "requestedAt": "2025-01-01T00:00:00.000Z", "finishedAt": "2025-01-01T00:00:01.000Z", "attemptCount": 1, "maxAttempts": 5,
    })
}
