use tower_layer::Layer;

use super::{IsolateTenant, Permits};

/// Lets only so many requests be under way at once, shared fairly between tenants, and refuses others with 503 and `Retry-After`.
/// Goes within what authorizes, so that nobody takes the turn of a tenant that is not theirs.
///
/// A request is under way until it is answered; the body of an answer that is sent afterwards does not count.
#[derive(Clone, Debug)]
#[must_use]
pub struct IsolateTenantLayer {
    permits: Permits,
}

impl IsolateTenantLayer {
    /// Sharing those.
    pub fn new(permits: &Permits) -> Self {
        Self { permits: permits.clone() }
    }
}

impl<S> Layer<S> for IsolateTenantLayer {
    type Service = IsolateTenant<S>;

    fn layer(&self, inner: S) -> IsolateTenant<S> {
        IsolateTenant::new(inner, self.permits.clone())
    }
}
