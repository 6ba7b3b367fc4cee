//! What the task runner and tests share: programs that are run to their end, and throw-away PostgreSQL servers.

pub mod command;
pub mod error;
pub mod postgres;
