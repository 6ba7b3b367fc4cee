//! Processes that are killed, stopped and told to leave, on one PostgreSQL.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod child;
#[path = "../ha/databases.rs"]
#[expect(dead_code, reason = "most migrate by themselves")]
mod databases;
mod lead;
mod leave;
mod migrate;
mod notes;
mod process;
mod tenants;
