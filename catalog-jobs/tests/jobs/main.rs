//! The contract of the stores, and what workers and routes make of them.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod hostile;
mod http;
mod lease;
mod memory;
mod model;
mod outage;
mod payload;
mod plans;
mod queues;
mod retention;
mod seams;
mod sql;
mod worker;
