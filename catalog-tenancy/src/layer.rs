use std::sync::Arc;

use catalog_core::name::Namespace;
use tower_layer::Layer;

use crate::{
    resolver::{HeaderResolver, QueryResolver, TenantResolver},
    service::{Mode, Resolution, ResolveTenant},
};

/// Finds the tenant of each request and notes it in the request's context, or refuses.
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
        let resolvers: Vec<Box<dyn TenantResolver>> = vec![Box::new(QueryResolver), Box::new(HeaderResolver)];
        Self { resolution: Arc::new(Resolution { mode, resolvers }) }
    }

    /// With those resolvers in place of query and header. All that find a tenant must find the same.
    pub fn with_resolvers(self, resolvers: Vec<Box<dyn TenantResolver>>) -> Self {
        Self { resolution: Arc::new(Resolution { mode: self.resolution.mode.clone(), resolvers }) }
    }
}

impl<S> Layer<S> for ResolveTenantLayer {
    type Service = ResolveTenant<S>;

    fn layer(&self, inner: S) -> ResolveTenant<S> {
        ResolveTenant::new(inner, Arc::clone(&self.resolution))
    }
}
