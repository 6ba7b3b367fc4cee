use std::time::Duration;

use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Client, client::Body, core::Status};

use crate::lease::{LeaseError, LeaseErrorKind, LeaseName};

/// Requests for leases, sent by hand: kube's own way loses an answer's headers, and with them how long the cluster wants to be left alone.
/// How long an answer may take is the caller's to say.
#[derive(Clone)]
pub(super) struct Calls {
    client: Client,
    url: String,
}

/// More than any lease has, in bytes.
const MAX_ANSWER: usize = 1 << 20;
/// So many characters of a refusal are repeated.
const MAX_MESSAGE: usize = 512;

impl Calls {
    pub(super) fn new(client: Client, url: String) -> Self {
        Self { client, url }
    }

    /// None if there is none.
    pub(super) async fn get(&self, name: &LeaseName) -> Result<Option<Lease>, LeaseError> {
        match self.send(Method::GET, &format!("{}/{name}", self.url), None).await {
            Err((Some(StatusCode::NOT_FOUND), _)) => Ok(None),
            Err((_, error)) => Err(error),
            Ok(lease) => Ok(Some(lease)),
        }
    }

    pub(super) async fn create(&self, lease: &Lease) -> Result<Lease, LeaseError> {
        self.send(Method::POST, &self.url, Some(lease)).await.map_err(|(_, error)| error)
    }

    /// Conflicts with any version but that which `lease` names, also with none.
    pub(super) async fn replace(&self, name: &LeaseName, lease: &Lease) -> Result<Lease, LeaseError> {
        match self.send(Method::PUT, &format!("{}/{name}", self.url), Some(lease)).await {
            Err((Some(StatusCode::NOT_FOUND), _)) => Err(LeaseErrorKind::Conflict.into()),
            Err((_, error)) => Err(error),
            Ok(lease) => Ok(lease),
        }
    }

    async fn send(
        &self,
        method: Method,
        url: &str,
        lease: Option<&Lease>,
    ) -> Result<Lease, (Option<StatusCode>, LeaseError)> {
        let refused = |error| (None, LeaseError::new(LeaseErrorKind::Refused, error));
        let unavailable = |error: Box<dyn std::error::Error + Send + Sync>| {
            (None, LeaseError::new(LeaseErrorKind::Unavailable, error))
        };
        let body = lease.map(serde_json::to_vec).transpose().map_err(|error| refused(error.to_string()))?;
        let request =
            Request::builder().method(method).uri(url).header(header::CONTENT_TYPE, "application/json");
        let request = request.body(Body::from(body.unwrap_or_default()));
        let request = request.map_err(|error| refused(error.to_string()))?;
        let response = self.client.send(request).await.map_err(|error| unavailable(error.into()))?;
        let (status, retry_after) = (response.status(), retry_after(&response));
        let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await.map_err(unavailable)?;
        let body = body.to_bytes();
        if !status.is_success() {
            let refusal: Option<Status> = serde_json::from_slice(&body).ok();
            let message = refusal.map(|refusal| refusal.message).unwrap_or_default();
            let message: String = message.chars().take(MAX_MESSAGE).collect();
            let error = LeaseError::new(kind(status), format!("the cluster answered {status}: {message:?}"));
            return Err((Some(status), error.with_retry_after(retry_after)));
        }
        // what was written is then not known
        serde_json::from_slice(&body).map_err(|error| unavailable(error.into()))
    }
}

fn kind(status: StatusCode) -> LeaseErrorKind {
    match status {
        StatusCode::CONFLICT => LeaseErrorKind::Conflict,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => LeaseErrorKind::Unavailable,
        _ if status.is_client_error() => LeaseErrorKind::Refused,
        _ => LeaseErrorKind::Unavailable,
    }
}

/// A date instead of seconds is passed over, since no API server sends one.
fn retry_after<T>(response: &Response<T>) -> Option<Duration> {
    let seconds = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?;
    seconds.parse().ok().map(Duration::from_secs)
}
