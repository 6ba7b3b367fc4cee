#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod asset;
pub mod authorizer;
pub mod backoff;
pub mod clock;
pub mod context;
pub mod directory;
mod excerpt;
pub mod filter;
pub mod future;
#[cfg(feature = "axum")]
pub mod http;
#[cfg(feature = "https")]
pub mod https;
pub mod identity;
pub mod name;
pub mod order;
pub mod page;
pub mod permission;
pub mod plugin;
pub mod problem;
#[cfg(feature = "runtime")]
pub mod provider;
mod redact;
#[cfg(feature = "runtime")]
pub mod refresh;
#[cfg(feature = "runtime")]
pub mod registry;
pub mod schema;
pub mod search;
pub mod source;
pub mod store;
pub mod tenant;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "yaml")]
pub mod yaml;
