use std::{
    error::Error,
    mem,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use catalog_core::{
    authorizer::{Authorizer, Granted, Refusal, authorize, authorize_now},
    context::RequestContext,
    identity::Identity,
    permission::{Access, Permission},
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
        let request = Request::from_parts(parts, body);
        match check_now(&*self.authorizer, &context) {
            Some(Ok(())) => return ResponseFuture::inner(self.inner.call(request)),
            Some(Err(problem)) => {
                return ResponseFuture::refused(problem.in_context(&context).into_response());
            }
            None => {}
        }
        // the service that is ready is taken, and a clone that is not yet left in its place
        let clone = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, clone);
        let authorizer = Arc::clone(&self.authorizer);
        ResponseFuture::waiting(async move {
            match check(&*authorizer, &context).await {
                Ok(()) => inner.call(request).await,
                Err(problem) => Ok(problem.in_context(&context).into_response()),
            }
        })
    }
}

/// What is to be asked of the authorizer.
enum Asked<'a> {
    /// Nothing: the route asks only to know who asks.
    Nothing,
    Permission(&'a Identity, &'a Permission),
}

/// What a route that declared nothing asks for is refused.
fn asked(context: &RequestContext) -> Result<Asked<'_>, Problem> {
    let identity = context.identity().ok_or_else(|| Problem::unauthenticated("who asks is not known"))?;
    match context.route().map(|route| &route.access) {
        Some(Access::Permission(permission)) => Ok(Asked::Permission(identity, permission)),
        Some(Access::Authenticated) => Ok(Asked::Nothing),
        Some(Access::Public) | None => {
            tracing::error!(path = context.path(), "a route without a declared permission was asked for");
            Err(Problem::forbidden("the route declares no permission"))
        }
    }
}

/// The answer, if the authorizer knows it without waiting.
fn check_now<Z: Authorizer>(authorizer: &Z, context: &RequestContext) -> Option<Result<(), Problem>> {
    let (identity, permission) = match asked(context) {
        Ok(Asked::Permission(identity, permission)) => (identity, permission),
        Ok(Asked::Nothing) => return Some(Ok(())),
        Err(problem) => return Some(Err(problem)),
    };
    let name = context.route().and_then(|route| route.object_name(context.path()));
    let verdict = authorize_now(authorizer, identity, permission, context.tenant(), name.as_deref())?;
    Some(verdict.map_err(|refusal| problem(&refusal)).and_then(|granted| note(context, granted)))
}

async fn check<Z: Authorizer>(authorizer: &Z, context: &RequestContext) -> Result<(), Problem> {
    let Asked::Permission(identity, permission) = asked(context)? else { return Ok(()) };
    let name = context.route().and_then(|route| route.object_name(context.path()));
    let verdict = authorize(authorizer, identity, permission, context.tenant(), name.as_deref()).await;
    verdict.map_err(|refusal| problem(&refusal)).and_then(|granted| note(context, granted))
}

fn note(context: &RequestContext, granted: Granted) -> Result<(), Problem> {
    let Some(scope) = granted.scope else { return Ok(()) };
    context.set_scope(scope).map_err(|_| Problem::internal("the server is not set up for this route"))
}

fn problem(refusal: &Refusal) -> Problem {
    let detail = refusal.to_string();
    match refusal {
        Refusal::Forbidden { reason, .. } => {
            tracing::debug!(%refusal, reason = &**reason, "forbidden");
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
