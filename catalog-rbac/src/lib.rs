#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod authenticate;
pub mod authorize;
pub mod engine;

pub use self::{authenticate::AnonymousLayer, authorize::AuthorizeLayer};
