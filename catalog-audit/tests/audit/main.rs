//! The stores, layers, seals and routes of catalog-audit.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod fixture;
mod recorder;
mod store;
