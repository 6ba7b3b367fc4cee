use std::{
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use catalog_core::{context::RequestContext, identity::Identity, problem::Problem};
use http::{Request, Response, header, request::Parts};
use tower_layer::Layer;
use tower_service::Service;

use super::{Authenticator, Outcome, ResponseFuture, headers};

/// Takes callers without a credential for `system:anonymous`, at the end of an
/// [`AuthenticatorChain`](super::AuthenticatorChain). Anywhere else it says nothing that counts.
#[derive(Clone, Debug)]
#[must_use]
pub struct AnonymousAuthenticator(Arc<Identity>);

impl AnonymousAuthenticator {
    /// The authenticator; it has no knobs.
    pub fn new() -> Self {
        Self(Arc::new(Identity::anonymous()))
    }
}

impl Default for AnonymousAuthenticator {
    fn default() -> Self {
        Self::new()
    }
}

impl Authenticator for AnonymousAuthenticator {
    fn peek(&self, _: &Parts) -> Option<Outcome> {
        Some(Outcome::Known(Arc::clone(&self.0)))
    }
}

/// Takes callers without a credential for `system:anonymous`. It is never a fallback: who shows a credential is refused, for
/// nothing here could check it.
#[derive(Clone, Copy, Debug, Default)]
#[must_use]
pub struct AnonymousLayer(());

impl AnonymousLayer {
    /// The layer; it has no knobs.
    pub const fn new() -> Self {
        Self(())
    }
}

impl<S> Layer<S> for AnonymousLayer {
    type Service = Anonymous<S>;

    fn layer(&self, inner: S) -> Anonymous<S> {
        Anonymous { inner }
    }
}

/// The service of [`AnonymousLayer`].
#[derive(Clone, Copy, Debug)]
pub struct Anonymous<S> {
    inner: S,
}

impl<S, A, B> Service<Request<A>> for Anonymous<S>
where
    S: Service<Request<A>, Response = Response<B>>,
    B: From<Bytes>,
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
        if parts.headers.contains_key(header::AUTHORIZATION) {
            let problem = Problem::unauthenticated("the server checks no credentials, so it takes none");
            return ResponseFuture::refused(problem.in_context(&context).into_response());
        }
        headers::strip_remote(&mut parts.headers);
        // an identity that another layer found stays
        let _ = context.set_identity(Identity::anonymous());
        ResponseFuture::inner(self.inner.call(Request::from_parts(parts, body)))
    }
}
