#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod authenticate;
pub mod authorize;
pub mod engine;
#[cfg(feature = "axum")]
pub mod http;

pub use self::{authenticate::AnonymousLayer, authorize::AuthorizeLayer};
