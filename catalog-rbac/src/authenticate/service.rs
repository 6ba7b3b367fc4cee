use std::{
    error::Error,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use catalog_core::{context::RequestContext, future::take_ready, problem::Problem};
use http::{HeaderValue, Request, Response, header, request::Parts};
use tower_service::Service;

use super::{AuthenticatorChain, RefusalKind, ResponseFuture, chain::Verdict, headers};

/// The service of [`AuthenticateLayer`](super::AuthenticateLayer).
#[derive(Clone, Debug)]
pub struct Authenticate<S> {
    inner: S,
    guard: Arc<Guard>,
}

impl<S> Authenticate<S> {
    pub(super) fn new(inner: S, chain: AuthenticatorChain, realm: Arc<str>) -> Self {
        Self { inner, guard: Arc::new(Guard { chain, realm }) }
    }
}

impl<S, A, B> Service<Request<A>> for Authenticate<S>
where
    S: Service<Request<A>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    A: Send + 'static,
    B: From<Bytes> + 'static,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let context = RequestContext::of(&mut parts);
        if let Some(conflict) = headers::conflict(&parts.headers) {
            let problem = Problem::bad_request(conflict);
            return ResponseFuture::refused(problem.in_context(&context).into_response());
        }
        let position = match self.guard.chain.peek(&parts) {
            Ok(verdict) => {
                return match self.guard.admit(verdict, &mut parts, &context) {
                    Ok(()) => ResponseFuture::inner(self.inner.call(Request::from_parts(parts, body))),
                    Err(refused) => ResponseFuture::refused(refused),
                };
            }
            Err(position) => position,
        };
        let mut inner = take_ready(&mut self.inner);
        let guard = Arc::clone(&self.guard);
        ResponseFuture::waiting(async move {
            let verdict = guard.chain.ask(position, &parts).await;
            if let Err(refused) = guard.admit(verdict, &mut parts, &context) {
                return Ok(refused);
            }
            inner.call(Request::from_parts(parts, body)).await
        })
    }
}

/// Who is asked, and in what name callers are turned away.
#[derive(Debug)]
struct Guard {
    chain: AuthenticatorChain,
    realm: Arc<str>,
}

impl Guard {
    /// Notes who asks and takes the credentials away.
    fn admit<B: From<Bytes>>(
        &self,
        verdict: Verdict,
        parts: &mut Parts,
        context: &RequestContext,
    ) -> Result<(), Response<B>> {
        let token = parts.headers.contains_key(header::AUTHORIZATION);
        let (detail, kind) = match verdict {
            Verdict::Known(identity) => {
                headers::strip(&mut parts.headers);
                self.chain.strip(&mut parts.headers);
                return context.set_identity(identity).map_err(|_| {
                    tracing::error!(path = context.path(), "two layers find out who asks");
                    let problem = Problem::internal("the server is not set up for this route");
                    problem.in_context(context).into_response()
                });
            }
            Verdict::Unavailable(error) => {
                tracing::warn!(error = &error as &dyn Error, "authenticator unavailable");
                let problem = Problem::authenticator_unavailable("who asks cannot be found out now");
                return Err(problem.with_retry_after(1).in_context(context).into_response());
            }
            Verdict::Nobody if token => {
                tracing::debug!(reason = "nothing knows the credential", "unauthenticated");
                (RefusalKind::Invalid.as_str(), Some(RefusalKind::Invalid))
            }
            Verdict::Nobody => ("a credential is required", None),
            Verdict::Refused(refusal) if refusal.kind() == RefusalKind::CrossSite => {
                tracing::debug!(reason = refusal.reason(), "cross-site");
                return Err(Problem::forbidden(refusal.kind().as_str()).in_context(context).into_response());
            }
            Verdict::Refused(refusal) => {
                tracing::debug!(reason = refusal.reason(), "unauthenticated");
                (refusal.kind().as_str(), token.then_some(refusal.kind()))
            }
        };
        let mut response = Problem::unauthenticated(detail).in_context(context).into_response();
        response.headers_mut().insert(header::WWW_AUTHENTICATE, self.challenge(kind));
        Err(response)
    }

    /// What RFC 6750, section 3, asks for: an error only where a token was shown.
    fn challenge(&self, kind: Option<RefusalKind>) -> HeaderValue {
        let realm = &self.realm;
        let text = match kind {
            None => format!("Bearer realm=\"{realm}\""),
            Some(kind) => {
                let description = kind.as_str();
                format!(
                    "Bearer realm=\"{realm}\", error=\"invalid_token\", error_description=\"{description}\""
                )
            }
        };
        // the realm was checked and the texts are fixed
        HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("Bearer"))
    }
}
