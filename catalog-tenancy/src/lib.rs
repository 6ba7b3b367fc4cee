#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod admit;
mod body;
#[cfg(feature = "bulkhead")]
pub mod bulkhead;
pub mod directory;
mod error;
#[cfg(feature = "axum")]
pub mod http;
mod layer;
#[cfg(feature = "quotas")]
pub mod quota;
#[cfg(feature = "rate-limits")]
pub mod rate_limit;
mod resolution;
pub mod resolver;
mod service;
#[cfg(all(feature = "testing", feature = "_sql", feature = "cache", feature = "quotas"))]
pub mod testing;

pub use catalog_core::future::ResponseFuture;

pub use self::{
    body::{PeekBody, PeekBodyLayer, check_body_tenant},
    error::TenantError,
    layer::ResolveTenantLayer,
    resolver::{TenantBound, TenantResolver},
    service::ResolveTenant,
};
