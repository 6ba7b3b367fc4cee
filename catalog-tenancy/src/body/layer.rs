use tower_layer::Layer;

use super::PeekBody;

/// Reads the field `namespace` of small JSON bodies for the [`BodyResolver`](crate::resolver::BodyResolver). Goes without the
/// [`ResolveTenantLayer`](crate::ResolveTenantLayer), around routes whose bodies may name their tenant.
///
/// Only a body that says it is JSON and how long it is, at most the limit, is read before the request is authorized; any other is
/// passed on unread, and its request has to name the tenant in another way. What the body names is to be
/// [checked again](crate::check_body_tenant) by whoever parses it.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct PeekBodyLayer {
    limit: usize,
}

impl PeekBodyLayer {
    /// The largest body that is looked at by default, in bytes.
    pub const DEFAULT_LIMIT: usize = 16 << 10;

    /// Looks at bodies of up to [`DEFAULT_LIMIT`](Self::DEFAULT_LIMIT) bytes.
    pub const fn new() -> Self {
        Self { limit: Self::DEFAULT_LIMIT }
    }

    /// Looks at bodies of up to `limit` bytes.
    pub const fn with_limit(self, limit: usize) -> Self {
        Self { limit }
    }
}

impl Default for PeekBodyLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for PeekBodyLayer {
    type Service = PeekBody<S>;

    fn layer(&self, inner: S) -> PeekBody<S> {
        PeekBody::new(inner, self.limit)
    }
}
