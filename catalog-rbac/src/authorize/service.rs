use std::{
    error::Error,
    mem,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use catalog_core::{
    authorizer::{Authorizer, Refusal, authorize},
    context::RequestContext,
    permission::Access,
    problem::Problem,
};
use http::{Request, Response};
use tower_service::Service;

use super::ResponseFuture;

/// The service of [`AuthorizeLayer`](super::AuthorizeLayer).
#[derive(Debug)]
pub struct Authorize<S, Z> {
    inner: S,
    authorizer: Arc<Z>,
}

impl<S, Z> Authorize<S, Z> {
    pub(super) fn new(inner: S, authorizer: Arc<Z>) -> Self {
        Self { inner, authorizer }
    }
}

impl<S: Clone, Z> Clone for Authorize<S, Z> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), authorizer: Arc::clone(&self.authorizer) }
    }
}

impl<S, Z, A, B> Service<Request<A>> for Authorize<S, Z>
where
    S: Service<Request<A>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    Z: Authorizer,
    A: Send + 'static,
    B: From<Bytes>,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Response, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        // the service that is ready is taken, and a clone that is not yet left in its place
        let clone = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, clone);
        let authorizer = Arc::clone(&self.authorizer);
        ResponseFuture::new(async move {
            let (mut parts, body) = request.into_parts();
            let context = RequestContext::of(&mut parts);
            match check(authorizer.as_ref(), &context).await {
                Ok(()) => inner.call(Request::from_parts(parts, body)).await,
                Err(problem) => Ok(problem.in_context(&context).into_response()),
            }
        })
    }
}

/// Asks for what the route declared; what it declared nothing for is refused.
async fn check<Z: Authorizer>(authorizer: &Z, context: &RequestContext) -> Result<(), Problem> {
    let identity = context.identity().ok_or_else(|| Problem::unauthenticated("who asks is not known"))?;
    let permission = match context.route().map(|route| &route.access) {
        Some(Access::Permission(permission)) => permission,
        Some(Access::Authenticated) => return Ok(()),
        Some(Access::Public) | None => {
            tracing::error!(path = context.path(), "a route without a declared permission was asked for");
            return Err(Problem::forbidden("the route declares no permission"));
        }
    };
    let granted = authorize(authorizer, identity, permission, context.tenant(), None)
        .await
        .map_err(|refusal| problem(&refusal))?;
    if let Some(scope) = granted.scope {
        context.set_scope(scope).map_err(|_| Problem::internal("the server is not set up for this route"))?;
    }
    Ok(())
}

fn problem(refusal: &Refusal) -> Problem {
    let detail = refusal.to_string();
    match refusal {
        Refusal::Forbidden { reason, .. } => {
            tracing::debug!(%refusal, reason, "forbidden");
            Problem::forbidden(detail)
        }
        Refusal::TenantRequired => Problem::tenant_required(detail),
        Refusal::AllNotServed => Problem::all_namespaces_not_served(detail),
        Refusal::Unavailable(error) => {
            tracing::warn!(error = error as &dyn Error, "authorizer unavailable");
            Problem::authorizer_unavailable(detail).with_retry_after(1)
        }
    }
}
