#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod audited;
pub mod authenticate;
pub mod authorize;
pub mod engine;
#[cfg(feature = "axum")]
pub mod http;
#[cfg(feature = "login")]
pub mod login;
#[cfg(any(feature = "_sql", feature = "files", feature = "kube"))]
pub mod policy;
#[cfg(feature = "kube")]
pub mod sar;
#[cfg(feature = "metrics")]
mod timed;
mod union;

#[cfg(feature = "metrics")]
pub use self::timed::TimedAuthorizer;
pub use self::{
    audited::AuditedAuthorizer, authenticate::AuthenticateLayer, authorize::AuthorizeLayer,
    union::UnionAuthorizer,
};
