//! Elections, leases, migrations, readiness and leaving.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod backfill;
mod databases;
mod elector;
mod failover;
mod fence;
mod fixture;
mod kubernetes;
mod metrics;
mod migrate;
mod pooler;
mod probes;
mod singleton;
mod stores;
