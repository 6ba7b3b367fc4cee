use tower_layer::Layer;

use super::{LimitRate, RateLimiters};

/// Refuses requests that come too early with 429, `Retry-After`, and the `RateLimit` and `RateLimit-Policy` of the budget that is
/// used up.
///
/// Where it stands it counts: [peers](Self::peers) without what authenticates, so that guessing costs; [callers](Self::callers)
/// within what authorizes, so that nobody uses up the budget of a tenant that is not theirs.
///
/// Source of the headers: draft-ietf-httpapi-ratelimit-headers-10. A budget is a burst, `q`, that is made up for within `w` seconds.
#[derive(Clone, Debug)]
#[must_use]
pub struct LimitRateLayer {
    limiters: RateLimiters,
    who: Who,
}

/// Whose requests are counted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Who {
    Peers,
    Callers,
}

impl LimitRateLayer {
    /// Counts each peer's requests. A request whose [peer](catalog_core::context::Peer) the listener does not tell, or that came by
    /// a Unix socket, is not counted.
    pub fn peers(limiters: &RateLimiters) -> Self {
        Self { limiters: limiters.clone(), who: Who::Peers }
    }

    /// Counts each identity's and each tenant's requests.
    pub fn callers(limiters: &RateLimiters) -> Self {
        Self { limiters: limiters.clone(), who: Who::Callers }
    }
}

impl<S> Layer<S> for LimitRateLayer {
    type Service = LimitRate<S>;

    fn layer(&self, inner: S) -> LimitRate<S> {
        LimitRate::new(inner, self.limiters.clone(), self.who)
    }
}
