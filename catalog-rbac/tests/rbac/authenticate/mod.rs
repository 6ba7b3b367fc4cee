//! Who asks.

mod any_bytes;
mod layer;
pub(crate) mod oidc;
mod proxy;
mod token_review;
mod tokens;

use std::convert::Infallible;

use bytes::Bytes;
use catalog_core::{
    context::{Peer, RequestContext},
    identity::Identity,
    problem::Problem,
};
use catalog_rbac::authenticate::{AuthenticateLayer, AuthenticatorChain};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use tower::{ServiceBuilder, ServiceExt, service_fn};

/// What came of a request.
#[derive(Debug)]
struct Answer {
    /// Who the handler was told asks.
    identity: Option<Identity>,
    /// What else it was told.
    headers: HeaderMap,
    /// In place of both.
    problem: Option<Problem>,
    challenge: Option<String>,
    retry_after: bool,
}

impl Answer {
    /// The user, or the code of the problem.
    fn outcome(&self) -> &str {
        match (&self.identity, &self.problem) {
            (Some(identity), None) => &identity.user,
            (None, Some(problem)) => &problem.code,
            both => panic!("{both:?}"),
        }
    }
}

async fn seen(request: Request<()>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::default());
    let context = RequestContext::find(request.extensions()).unwrap();
    response.extensions_mut().insert(context.identity().unwrap().clone());
    response.extensions_mut().insert(request.headers().clone());
    Ok(response)
}

async fn ask_as(chain: &AuthenticatorChain, peer: Option<Peer>, headers: HeaderMap) -> Answer {
    let service =
        ServiceBuilder::new().layer(AuthenticateLayer::new(chain.clone())).service(service_fn(seen));
    let mut request = Request::get("/models").body(()).unwrap();
    *request.headers_mut() = headers;
    if let Some(peer) = peer {
        request.extensions_mut().insert(peer);
    }
    let (parts, body) = service.oneshot(request).await.unwrap().into_parts();
    let text = |name: &str| parts.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let (challenge, retry_after) = (text("www-authenticate"), text("retry-after").is_some());
    let problem = if parts.status.is_success() {
        None
    } else {
        let body = body.collect().await.unwrap().to_bytes();
        let problem: Problem = serde_json::from_slice(&body).unwrap();
        assert_eq!(problem.status, parts.status.as_u16());
        Some(problem)
    };
    Answer {
        identity: parts.extensions.get().cloned(),
        headers: parts.extensions.get().cloned().unwrap_or_default(),
        problem,
        challenge,
        retry_after,
    }
}

async fn ask(chain: &AuthenticatorChain, lines: &[(&str, &str)]) -> Answer {
    ask_as(chain, None, headers(lines)).await
}

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    let line = |(name, value): &(&str, &str)| {
        (name.parse::<HeaderName>().unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap())
    };
    lines.iter().map(line).collect()
}

fn groups(answer: &Answer) -> &[String] {
    &answer.identity.as_ref().unwrap().groups
}
