#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod body;
#[cfg(feature = "bulkhead")]
pub mod bulkhead;
mod error;
mod layer;
#[cfg(feature = "rate-limits")]
pub mod rate_limit;
mod resolution;
pub mod resolver;
mod service;

pub use catalog_core::future::ResponseFuture;

pub use self::{
    body::{PeekBody, PeekBodyLayer, check_body_tenant},
    error::TenantError,
    layer::ResolveTenantLayer,
    resolver::{TenantBound, TenantResolver},
    service::ResolveTenant,
};
