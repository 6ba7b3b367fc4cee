//! How often: requests per tenant, per identity within a tenant, and per peer before anybody is known.

mod class;
mod config;
mod key;
mod layer;
mod limiter;
mod limiters;
mod rate;
mod service;
mod states;

pub use self::{
    class::RouteClass,
    config::{ClassLimits, RateLimits, TenantLimits},
    layer::LimitRateLayer,
    limiters::{Budget, RateLimited, RateLimiters},
    rate::{Limit, Rate, RateError},
    service::LimitRate,
};
