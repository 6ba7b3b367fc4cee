//! A PostgreSQL server of our own, for as long as the tests run.

mod account;
mod cluster;
mod home;
mod install;
mod locate;
mod process;
mod scratch;
mod server;
mod watcher;

pub(crate) use self::{cluster::Cluster, server::Durability};
