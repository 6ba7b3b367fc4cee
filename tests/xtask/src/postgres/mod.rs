//! A PostgreSQL server of our own, for as long as tests run.

mod account;
mod cluster;
mod home;
mod install;
mod locate;
mod process;
mod scratch;
mod server;
mod watcher;

pub use self::{cluster::Cluster, server::Durability};
