//! The fake as what a client sends its requests to.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use kube::client::Body;
use tower_service::Service;

use super::fault::Effect;
use super::request::Call;
use super::review::Answer;
use super::server::{self, Server};

type ResponseBody = UnsyncBoxBody<Bytes, io::Error>;
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// One caller's way to the fake.
#[derive(Clone, Debug)]
pub(super) struct FakeService {
    pub(super) server: Arc<Server>,
    /// What every request of this caller carries: who it is.
    pub(super) credentials: Vec<(HeaderName, HeaderValue)>,
}

impl Service<Request<Body>> for FakeService {
    type Response = Response<ResponseBody>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        for (name, value) in &self.credentials {
            request.headers_mut().append(name, value.clone());
        }
        Box::pin(answer(Arc::clone(&self.server), request))
    }
}

async fn answer(server: Arc<Server>, request: Request<Body>) -> Result<Response<ResponseBody>, BoxError> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let call = Call::new(Request::from_parts(parts, body));
    let mut review = Answer::default();
    let mut lost = None;
    for effect in server.receive(&call) {
        match effect {
            Effect::Refuse { .. } => {
                if let Some(failure) = effect.refusal() {
                    return respond(server::Response::Failure(failure));
                }
            }
            Effect::Delay(time) => tokio::time::sleep(time).await,
            Effect::Hang => std::future::pending().await,
            Effect::Disconnect => return Err(reset().into()),
            Effect::LoseAnswer | Effect::HangAfterwards => lost = Some(effect),
            Effect::Deny { reason } => review.denied = Some(reason),
            Effect::EvaluationError { message } => review.evaluation_error = Some(message),
        }
    }
    let response = server.handle(&call, &review);
    match lost {
        None => respond(response),
        Some(Effect::HangAfterwards) => std::future::pending().await,
        Some(_) => Err(reset().into()),
    }
}

fn reset() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

fn respond(response: server::Response) -> Result<Response<ResponseBody>, BoxError> {
    let json = HeaderValue::from_static("application/json");
    let answer = Response::builder();
    Ok(match response {
        server::Response::Object((code, object)) => {
            answer.status(code).header(header::CONTENT_TYPE, json).body(whole(object.to_string()))?
        }
        server::Response::Text(text) => answer.body(whole(text.to_owned()))?,
        server::Response::Watch(watch) => answer
            .status(StatusCode::OK)
            .header(header::CONTENT_TYPE, json)
            .body(StreamBody::new(watch.into_stream()).boxed_unsync())?,
        server::Response::Failure(failure) => {
            let mut answer = answer.status(failure.code()).header(header::CONTENT_TYPE, json);
            if let Some(wait) = failure.retry_after() {
                answer = answer.header(header::RETRY_AFTER, wait.as_secs());
            }
            answer.body(whole(failure.body().to_string()))?
        }
    })
}

fn whole(text: String) -> ResponseBody {
    Full::from(text).map_err(|never| match never {}).boxed_unsync()
}
