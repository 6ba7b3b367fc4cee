use std::sync::Arc;

use catalog_core::name::Namespace;
use tower_layer::Layer;

use crate::{
    resolution::{Mode, Resolution},
    resolver::{HeaderResolver, QueryResolver, TenantBound, TenantResolver},
    service::ResolveTenant,
};

/// Finds the tenant of each request and notes it in the request's context, or refuses.
///
/// Each group of routes has a layer of its own and so its own ways to name a tenant:
///
/// 1. Every [resolver](Self::with_resolvers) is asked, in order; all that find a tenant must find the same.
/// 2. Where none does, the [defaults](Self::with_default) are asked, and the first that knows one counts.
/// 3. A [bound](Self::with_bound) refuses tenants that the caller is not bound to, and makes of all tenants those that it is.
#[derive(Clone, Debug)]
#[must_use]
pub struct ResolveTenantLayer {
    resolution: Arc<Resolution>,
}

impl ResolveTenantLayer {
    /// For a service of many tenants: query and header are asked.
    pub fn many() -> Self {
        Self::new(Mode::Many)
    }

    /// For a service of that one tenant, whom nobody needs to name.
    pub fn single(namespace: Namespace) -> Self {
        Self::new(Mode::Single(namespace))
    }

    fn new(mode: Mode) -> Self {
        let resolution = Resolution { mode, ..Resolution::default() };
        Self { resolution: Arc::new(resolution) }.with_resolver(QueryResolver).with_resolver(HeaderResolver)
    }

    /// With those resolvers in place of query and header.
    pub fn with_resolvers(self, resolvers: impl IntoIterator<Item = Arc<dyn TenantResolver>>) -> Self {
        self.change(|resolution| resolution.resolvers = resolvers.into_iter().collect())
    }

    /// With one more resolver, after the others.
    pub fn with_resolver(self, resolver: impl TenantResolver) -> Self {
        self.change(|resolution| resolution.resolvers.push(Arc::new(resolver)))
    }

    /// With one more default, after the others.
    pub fn with_default(self, default: impl TenantResolver) -> Self {
        self.change(|resolution| resolution.defaults.push(Arc::new(default)))
    }

    /// With one more bound. What comes through all of them counts.
    pub fn with_bound(self, bound: impl TenantBound) -> Self {
        self.change(|resolution| resolution.bounds.push(Arc::new(bound)))
    }

    fn change(self, change: impl FnOnce(&mut Resolution)) -> Self {
        let mut resolution = Arc::unwrap_or_clone(self.resolution);
        change(&mut resolution);
        Self { resolution: Arc::new(resolution) }
    }
}

impl<S> Layer<S> for ResolveTenantLayer {
    type Service = ResolveTenant<S>;

    fn layer(&self, inner: S) -> ResolveTenant<S> {
        ResolveTenant::new(inner, Arc::clone(&self.resolution))
    }
}
