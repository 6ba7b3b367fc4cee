use std::{
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use catalog_core::{context::RequestContext, permission::Reach, tenant::TenantSelector};
use http::{Request, Response};
use tower_service::Service;

use crate::{ResponseFuture, TenantError, resolution::Resolution};

/// The service of [`ResolveTenantLayer`](crate::ResolveTenantLayer).
#[derive(Clone, Debug)]
pub struct ResolveTenant<S> {
    inner: S,
    resolution: Arc<Resolution>,
}

impl<S> ResolveTenant<S> {
    pub(crate) fn new(inner: S, resolution: Arc<Resolution>) -> Self {
        Self { inner, resolution }
    }
}

impl<S, A, B> Service<Request<A>> for ResolveTenant<S>
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
        // a route that declares nothing is taken for a tenant's
        let reach = match context.route() {
            None => Reach::TenantOrAll,
            Some(route) => route.access().reach(),
        };
        if reach != Reach::Cluster {
            let resolved = self.resolution.resolve(&parts, reach);
            let noted = resolved.and_then(|tenant| note(&context, tenant));
            if let Err(error) = noted {
                return ResponseFuture::refused(error.into_response(&context));
            }
        }
        ResponseFuture::inner(self.inner.call(Request::from_parts(parts, body)))
    }
}

/// Notes the tenant; where one has been noted by another layer it must be the same.
fn note(context: &RequestContext, tenant: TenantSelector) -> Result<(), TenantError> {
    match context.tenant() {
        None => {
            // nobody else holds the context while the request is on its way in
            let _ = context.set_tenant(tenant);
            Ok(())
        }
        Some(noted) if *noted == tenant => Ok(()),
        Some(noted) => Err(TenantError::Conflict { first: noted.to_string(), second: tenant.to_string() }),
    }
}
