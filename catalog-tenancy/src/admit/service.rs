use std::{
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use catalog_core::{
    context::RequestContext,
    directory::{NamespaceDirectory, NotAdmitted, Peeked, admit},
    future::take_ready,
    problem::Problem,
};
use http::{Request, Response};
use tower_service::Service;

use crate::ResponseFuture;

/// The service of [`AdmitTenantLayer`](super::AdmitTenantLayer).
#[derive(Clone, Debug)]
pub struct AdmitTenant<S> {
    inner: S,
    directory: Arc<dyn NamespaceDirectory>,
}

impl<S> AdmitTenant<S> {
    pub(super) fn new(inner: S, directory: Arc<dyn NamespaceDirectory>) -> Self {
        Self { inner, directory }
    }
}

impl<S, A, B> Service<Request<A>> for AdmitTenant<S>
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
        let request = Request::from_parts(parts, body);
        let Some(name) = context.namespace() else { return ResponseFuture::inner(self.inner.call(request)) };
        let known = match self.directory.peek(name) {
            Peeked::Unsure => None,
            Peeked::Absent => Some(NotAdmitted::check(name, None)),
            Peeked::Found(record) => Some(NotAdmitted::check(name, Some(&record))),
        };
        match known {
            Some(Ok(())) => return ResponseFuture::inner(self.inner.call(request)),
            Some(Err(refused)) => return ResponseFuture::refused(refuse(&refused, &context)),
            None => {}
        }
        let (name, directory) = (name.clone(), Arc::clone(&self.directory));
        let mut inner = take_ready(&mut self.inner);
        ResponseFuture::waiting(async move {
            match admit(&*directory, &name).await {
                Ok(()) => inner.call(request).await,
                Err(refused) => Ok(refuse(&refused, &context)),
            }
        })
    }
}

fn refuse<B: From<Bytes>>(refused: &NotAdmitted, context: &RequestContext) -> Response<B> {
    let detail = refused.to_string();
    let problem = match refused {
        NotAdmitted::Absent(_) => Problem::namespace_not_found(detail),
        NotAdmitted::Suspended(_) => Problem::namespace_suspended(detail),
        NotAdmitted::Terminating(_) => Problem::namespace_terminating(detail),
        NotAdmitted::Unavailable(error) => {
            let error: &dyn std::error::Error = error;
            tracing::warn!(error, "the directory of namespaces is unavailable");
            Problem::directory_unavailable(detail).with_retry_after(1)
        }
    };
    problem.in_context(context).into_response()
}
