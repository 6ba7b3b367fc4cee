//! The reference catalog server: composition of the catalog crates, configuration, nothing else.

mod access;
mod audit;
mod cluster;
mod command;
mod config;
mod database;
mod docs;
mod health;
mod jobs;
mod leader;
mod limits;
mod listener;
mod loader;
mod metrics;
mod operator;
mod progress;
mod sample;
mod serve;
mod stack;
mod telemetry;
mod tenants;
mod welcome;

use std::process::ExitCode;

fn main() -> ExitCode {
    match command::run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            report(error.as_ref());
            ExitCode::FAILURE
        }
    }
}

/// Prints an error and what caused it, each on a line.
fn report(error: &(dyn std::error::Error + Send + Sync)) {
    eprintln!("catalog-server: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        eprintln!("  because: {error}");
        cause = error.source();
    }
}

/// Any error, for the way to `main`.
type AnyError = Box<dyn std::error::Error + Send + Sync>;
