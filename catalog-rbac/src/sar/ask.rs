use std::time::Duration;

use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use k8s_openapi::api::authorization::v1::{SubjectAccessReview, SubjectAccessReviewStatus};
use kube::{Client, client::Body, core::Status};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout},
};

use super::{
    SubjectAccessReviewConfig, answer::Answer, breaker::Breaker, error::AskError, question::Question,
};

/// Puts questions to the cluster: so many at once, each for so long, and none for a while after it failed.
#[derive(Debug)]
pub(super) struct Asker {
    client: super::Opaque<Client>,
    /// Who asks, and who waits to.
    places: Semaphore,
    /// Who asks.
    turns: Semaphore,
    wait: Duration,
    deadline: Duration,
    breaker: Breaker,
}

const PATH: &str = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
/// What an answer may be longer than its question, in bytes.
const MAX_ANSWER: usize = 1 << 16;
/// So many characters of a refusal are repeated.
const MAX_MESSAGE: usize = 512;

impl Asker {
    pub(super) fn new(client: Client, config: &SubjectAccessReviewConfig) -> Self {
        let concurrency = config.concurrency.clamp(1, Semaphore::MAX_PERMITS);
        let places = concurrency.saturating_add(config.queue).min(Semaphore::MAX_PERMITS);
        Self {
            client: super::Opaque(client),
            places: Semaphore::new(places),
            turns: Semaphore::new(concurrency),
            wait: config.wait,
            deadline: config.deadline,
            breaker: Breaker::new(config.failures, config.pause, config.max_pause),
        }
    }

    pub(super) async fn ask(&self, question: &Question) -> Result<Answer, AskError> {
        let paused = |for_another| AskError::Paused { for_another };
        // before waiting, so that a refusal comes at once
        if let Some(rest) = self.breaker.paused(Instant::now()) {
            return Err(paused(rest));
        }
        let _place = self.places.try_acquire().map_err(|_| AskError::Busy)?;
        let turn = timeout(self.wait, self.turns.acquire()).await;
        let _turn = turn.map_err(|_| AskError::Busy)?.map_err(|_| AskError::Busy)?;
        let pass = self.breaker.pass(Instant::now()).map_err(paused)?;
        let status = timeout(self.deadline, self.send(question)).await;
        let status = status.unwrap_or(Err(AskError::Timeout { deadline: self.deadline }));
        match status {
            Err(error) if error.is_failure() => {
                pass.fail(Instant::now(), error.retry_after());
                Err(error)
            }
            Err(error) => {
                pass.succeed();
                Err(error)
            }
            Ok(status) => {
                pass.succeed();
                Answer::new(status).inspect_err(|error| {
                    let error: &dyn std::error::Error = error;
                    tracing::warn!(error, "a review of access ended without a decision");
                })
            }
        }
    }

    /// Sent by hand, since kube's own way to make an object loses the answer's headers.
    async fn send(&self, question: &Question) -> Result<SubjectAccessReviewStatus, AskError> {
        let body = serde_json::to_vec(&question.review()).map_err(malformed)?;
        let most = body.len().saturating_add(MAX_ANSWER);
        let request = Request::post(PATH).header(header::CONTENT_TYPE, "application/json");
        let request = request.body(Body::from(body)).map_err(malformed)?;
        let response = self.client.0.send(request).await.map_err(unreachable)?;
        let status = response.status();
        let retry_after = retry_after(&response);
        let body = Limited::new(response.into_body(), most).collect().await.map_err(unreachable)?.to_bytes();
        if !status.is_success() {
            let refusal: Option<Status> = serde_json::from_slice(&body).ok();
            let message = refusal.map(|refusal| refusal.message).unwrap_or_default();
            let message = message.chars().take(MAX_MESSAGE).collect();
            return Err(AskError::Refused { status, message, retry_after });
        }
        let review: SubjectAccessReview = serde_json::from_slice(&body).map_err(malformed)?;
        review.status.ok_or_else(|| AskError::Malformed("it has no status".into()))
    }
}

/// Only where the cluster has too much to do; a date instead of seconds is passed over, since no API server sends one.
fn retry_after<T>(response: &Response<T>) -> Option<Duration> {
    let busy = matches!(response.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
    let seconds = response.headers().get(header::RETRY_AFTER).filter(|_| busy)?.to_str().ok()?;
    seconds.parse().ok().map(Duration::from_secs)
}

fn malformed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> AskError {
    AskError::Malformed(error.into())
}

fn unreachable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> AskError {
    AskError::Unreachable(error.into())
}
