use axum::response::Response;
use catalog_core::{http::json, name::Namespace, problem::Problem};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::json;
use uuid::Uuid;

use super::Jobs;
use crate::{new_job::Enqueued, record::JobRecord, store::RecordStore};

/// Whether an answer is that of an earlier request with the same idempotency key.
const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// What changes by itself is not to be kept.
fn fresh(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

pub(super) fn record(record: &JobRecord) -> Response {
    // names, texts and times always serialize
    fresh(json(serde_json::to_string(record).unwrap_or_default()))
}

pub(super) fn body(body: &serde_json::Value) -> Response {
    fresh(json(body.to_string()))
}

pub(super) fn status(status: StatusCode, id: Uuid, word: &str) -> Response {
    let mut response = body(&json!({"jobId": id, "status": word}));
    *response.status_mut() = status;
    response
}

impl<S: RecordStore> Jobs<S> {
    /// The answer to a request that has enqueued a job of that tenant: 202 with where the job is.
    ///
    /// # Errors
    /// [`Problem`] 422 when the idempotency key is of another job.
    pub fn accepted(&self, namespace: &Namespace, enqueued: Enqueued) -> Result<Response, Problem> {
        if let Enqueued::Mismatched(_) = enqueued {
            return Err(mismatched());
        }
        let id = enqueued.id();
        let mut response = status(StatusCode::ACCEPTED, id, "queued");
        // with its tenant: who follows it may have named the tenant in a query, which goes with the request
        located(&mut response, &format!("{}/{id}?namespace={namespace}", self.path()));
        if let Enqueued::Replayed(_) = enqueued {
            replayed(&mut response);
        }
        Ok(response)
    }
}

pub(super) fn located(response: &mut Response, location: &str) {
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
}

pub(super) fn replayed(response: &mut Response) {
    response.headers_mut().insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
}

pub(super) fn mismatched() -> Problem {
    Problem::idempotency_mismatch("the idempotency key was used for another request")
}
