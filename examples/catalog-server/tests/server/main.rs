//! The server as its users meet it: the binary, its output, its HTTP.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod access;
mod audit;
mod audit_faults;
mod audit_killed;
mod audit_sinks;
mod audit_space;
mod command;
mod demo;
mod fixture;
mod jobs;
mod kubernetes;
mod lifecycle;
mod lists;
mod loading;
mod login;
mod openapi;
mod postgres;
mod proxy;
mod receiver;
mod releases;
mod single;
mod sources;
mod tenants;
