//! The stores, layers, seals and routes of catalog-audit.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod faulty;
mod fixture;
mod layer;
mod recorder;
mod seal;
mod store;
mod writer;
