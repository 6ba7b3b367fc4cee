#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod error;
mod future;
mod layer;
pub mod resolver;
mod service;

pub use self::{
    error::TenantError, future::ResponseFuture, layer::ResolveTenantLayer, resolver::TenantResolver,
    service::ResolveTenant,
};
