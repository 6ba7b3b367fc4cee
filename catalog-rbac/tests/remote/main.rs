//! Authorizers that ask others, and policies that come from elsewhere: what they allow, what they refuse, and what they do while
//! whoever they depend on does not answer.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod audited;
mod cluster;
mod database;
mod files;
mod fixture;
mod sar;
mod timed;
mod union;
mod watch;
