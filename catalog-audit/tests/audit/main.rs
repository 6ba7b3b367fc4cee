//! The stores, layers, seals and routes of catalog-audit.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod faulty;
mod fixture;
mod http;
mod layer;
mod recorder;
mod retention;
mod seal;
mod sink;
mod store;
mod writer;
