use tower_layer::Layer;

use super::RequestContextService;

/// Gives every request its [`RequestContext`](super::RequestContext) and echoes its ids. Goes outermost.
#[derive(Clone, Copy, Debug, Default)]
#[must_use]
pub struct RequestContextLayer(());

impl RequestContextLayer {
    /// The layer; it has no knobs.
    pub const fn new() -> Self {
        Self(())
    }
}

impl<S> Layer<S> for RequestContextLayer {
    type Service = RequestContextService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RequestContextService::new(inner)
    }
}
