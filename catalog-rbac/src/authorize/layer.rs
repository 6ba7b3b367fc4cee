use std::sync::Arc;

use catalog_core::authorizer::Authorizer;
use tower_layer::Layer;

use super::Authorize;

/// Lets a request through only if the authorizer allows what its route declared.
#[derive(Debug)]
#[must_use]
pub struct AuthorizeLayer<Z> {
    authorizer: Arc<Z>,
}

impl<Z: Authorizer> AuthorizeLayer<Z> {
    /// With that authorizer.
    pub fn new(authorizer: Z) -> Self {
        Self { authorizer: Arc::new(authorizer) }
    }
}

impl<Z> Clone for AuthorizeLayer<Z> {
    fn clone(&self) -> Self {
        Self { authorizer: Arc::clone(&self.authorizer) }
    }
}

impl<S, Z> Layer<S> for AuthorizeLayer<Z> {
    type Service = Authorize<S, Z>;

    fn layer(&self, inner: S) -> Authorize<S, Z> {
        Authorize::new(inner, Arc::clone(&self.authorizer))
    }
}
