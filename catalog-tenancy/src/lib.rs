#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod body;
mod error;
mod layer;
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
