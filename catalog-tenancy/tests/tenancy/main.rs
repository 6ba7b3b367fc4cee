//! The layers of catalog-tenancy around services that say what they saw.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod body;
mod bulkhead;
mod rate_limit;
mod resolve;
mod ways;
