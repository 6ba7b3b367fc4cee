use std::{
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use catalog_core::{context::RequestContext, name::Namespace, permission::Reach, tenant::TenantSelector};
use http::{Request, Response, request::Parts};
use tower_service::Service;

use crate::{ResponseFuture, TenantError, TenantResolver};

#[derive(Debug)]
pub(crate) struct Resolution {
    pub(crate) mode: Mode,
    pub(crate) resolvers: Vec<Box<dyn TenantResolver>>,
}

#[derive(Clone, Debug)]
pub(crate) enum Mode {
    Single(Namespace),
    Many,
}

impl Resolution {
    /// The tenant of a request to a route of that reach.
    fn resolve(&self, parts: &Parts, reach: Reach) -> Result<TenantSelector, TenantError> {
        let mut found: Option<TenantSelector> = None;
        for resolver in &self.resolvers {
            let Some(selector) = resolver.resolve(parts)? else { continue };
            match &found {
                Some(first) if *first != selector => {
                    return Err(TenantError::Conflict {
                        first: first.to_string(),
                        second: selector.to_string(),
                    });
                }
                _ => found = Some(selector),
            }
        }
        match (&self.mode, found) {
            (Mode::Many, found) => found.ok_or(TenantError::Required),
            (Mode::Single(only), Some(TenantSelector::One(named))) if named != *only => {
                Err(TenantError::NotTheOne { only: only.clone() })
            }
            // a route of one tenant refuses to serve all of them, also where there is only one
            (Mode::Single(_), Some(TenantSelector::All)) if reach == Reach::Tenant => Ok(TenantSelector::All),
            (Mode::Single(only), _) => Ok(TenantSelector::One(only.clone())),
        }
    }
}

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
            Some(route) => route.permission.as_ref().map_or(Reach::Cluster, |permission| permission.reach),
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
