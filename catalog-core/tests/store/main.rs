//! The contracts of catalog-core's stores, over every store.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod memory;
mod plans;
mod postgres;
mod sql;
mod sqlite;
mod upgrade;
