//! The layers of catalog-tenancy around services that say what they saw.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod admit;
mod body;
mod bulkhead;
mod directory;
mod extract;
mod kubernetes;
mod rate_limit;
mod resolve;
mod ways;
