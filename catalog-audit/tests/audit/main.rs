//! The stores, layers, seals and routes of catalog-audit.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
#![expect(clippy::similar_names, reason = "`store` and `stored`, `audit` and `audited` are what they are")]

mod body;
mod faulty;
mod fixture;
mod http;
mod killed;
mod layer;
mod partition;
mod recorder;
mod retention;
mod seal;
mod sink;
mod store;
mod writer;
