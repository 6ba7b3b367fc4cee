//! The layers of catalog-rbac around services that say what they saw.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod authenticate;
mod login;
