use std::task::{Context, Poll};

use bytes::Bytes;
use catalog_core::{
    context::{Peer, RequestContext},
    problem::Problem,
};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use tower_service::Service;

use super::{RateLimited, RateLimiters, RouteClass, layer::Who};
use crate::ResponseFuture;

/// The service of [`LimitRateLayer`](super::LimitRateLayer).
#[derive(Clone, Debug)]
pub struct LimitRate<S> {
    inner: S,
    limiters: RateLimiters,
    who: Who,
}

impl<S> LimitRate<S> {
    pub(super) fn new(inner: S, limiters: RateLimiters, who: Who) -> Self {
        Self { inner, limiters, who }
    }

    fn check(&self, context: &RequestContext) -> Result<(), RateLimited> {
        match self.who {
            Who::Peers => match context.peer().and_then(Peer::address) {
                Some(address) => self.limiters.check_peer(address.ip()),
                None => Ok(()),
            },
            Who::Callers => {
                let class = RouteClass::of(context.route().and_then(|route| route.access().permission()));
                // nobody is a caller, too
                let user = context.identity().map_or("", |identity| identity.user.as_str());
                self.limiters.check(context.namespace(), user, class)
            }
        }
    }
}

impl<S, A, B> Service<Request<A>> for LimitRate<S>
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
        match self.check(&context) {
            Ok(()) => ResponseFuture::inner(self.inner.call(Request::from_parts(parts, body))),
            Err(limited) => ResponseFuture::refused(refuse(limited, &context)),
        }
    }
}

fn refuse<B: From<Bytes>>(limited: RateLimited, context: &RequestContext) -> Response<B> {
    let class = limited.class.map_or("any", RouteClass::as_str);
    metrics::counter!(
        "catalog_tenancy_rate_limited_total", "budget" => limited.budget.as_str(), "class" => class
    )
    .increment(1);
    tracing::debug!(
        budget = limited.budget.as_str(),
        class,
        namespace = context.namespace().map(tracing::field::display),
        "a request came too early"
    );
    // rounded up: a client that waits as long as it is told is not told again
    let seconds = limited.retry_after.as_secs() + u64::from(limited.retry_after.subsec_nanos() > 0);
    let problem = Problem::rate_limited(limited.to_string())
        .with_retry_after(u32::try_from(seconds.max(1)).unwrap_or(u32::MAX));
    let mut response = problem.in_context(context).into_response();
    tell(response.headers_mut(), limited, seconds.max(1));
    response.extensions_mut().insert(limited);
    response
}

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

fn tell(headers: &mut HeaderMap, limited: RateLimited, seconds: u64) {
    let name = match limited.class {
        None => limited.budget.as_str().into(),
        Some(class) => format!("{}-{}", limited.budget.as_str(), class.as_str()),
    };
    let policy = format!("\"{name}\";q={};w={}", limited.rate.burst(), limited.rate.window());
    for (header, value) in [(RATE_LIMIT_POLICY, policy), (RATE_LIMIT, format!("\"{name}\";r=0;t={seconds}"))]
    {
        // ASCII letters and digits are a value
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(header, value);
        }
    }
}
