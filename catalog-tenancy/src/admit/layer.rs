use std::sync::Arc;

use catalog_core::directory::NamespaceDirectory;
use tower_layer::Layer;

use super::AdmitTenant;

/// Refuses requests to tenants that there are not, or that are suspended or being removed. Goes within what authorizes: who has no
/// right in a tenant does not learn whether there is one.
///
/// A request to all tenants, or to a set of them, is not checked: of those that are not active it shows what is kept.
#[derive(Clone, Debug)]
#[must_use]
pub struct AdmitTenantLayer {
    directory: Arc<dyn NamespaceDirectory>,
}

impl AdmitTenantLayer {
    /// By that directory. It is asked for each request, so it should know without waiting: one that asks others is to be
    /// [cached](crate::directory::CachedDirectory).
    pub fn new(directory: Arc<dyn NamespaceDirectory>) -> Self {
        Self { directory }
    }
}

impl<S> Layer<S> for AdmitTenantLayer {
    type Service = AdmitTenant<S>;

    fn layer(&self, inner: S) -> AdmitTenant<S> {
        AdmitTenant::new(inner, Arc::clone(&self.directory))
    }
}
