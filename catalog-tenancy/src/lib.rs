#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod error;
mod layer;
pub mod resolver;
mod service;

pub use catalog_core::future::ResponseFuture;

pub use self::{
    error::TenantError, layer::ResolveTenantLayer, resolver::TenantResolver, service::ResolveTenant,
};
