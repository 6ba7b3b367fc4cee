//! Servers that start, die and leave: processes of the real binary, watched from outside.

mod leave;
mod replica;
mod start;
mod takeover;

use std::{path::PathBuf, time::Duration};

use clap::{Arg, ArgMatches, Command, value_parser};

use crate::{
    AnyError,
    figure::{Figure, Goal, HEADER},
};

/// How it is measured.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// A PostgreSQL server on which databases may be made.
    postgres: Option<String>,
    /// The server's binary.
    server: PathBuf,
    rounds: usize,
}

/// The options.
pub(crate) fn command() -> Command {
    Command::new("ha")
        .about("Starts, takeovers and orderly ends of the server")
        .arg(
            Arg::new("postgres")
                .long("postgres")
                .help("A server whose user may create databases; without one SQLite alone is measured"),
        )
        .arg(
            Arg::new("server")
                .long("server")
                .value_parser(value_parser!(PathBuf))
                .default_value("target/release/catalog-server")
                .help("The binary of the server"),
        )
        .arg(
            Arg::new("rounds")
                .long("rounds")
                .value_parser(value_parser!(usize))
                .default_value("5")
                .help("So many times is each measured; the median counts"),
        )
}

pub(crate) fn plan(matches: &ArgMatches) -> Plan {
    Plan {
        postgres: matches.get_one::<String>("postgres").cloned(),
        server: matches.get_one::<PathBuf>("server").cloned().unwrap_or_default(),
        rounds: matches.get_one::<usize>("rounds").copied().unwrap_or(1).max(1),
    }
}

/// Measures everything, and prints a table.
pub(crate) async fn run(plan: &Plan) -> Result<(), AnyError> {
    println!("{} rounds; a goal that is missed has a `!` before it\n\n{HEADER}", plan.rounds);
    start::sqlite(plan).await?;
    if let Some(server) = &plan.postgres {
        start::postgres(plan, server).await?;
        takeover::measure(plan, server).await?;
    }
    leave::measure(plan).await
}

/// Prints a line of times, of which the median must be no longer than that.
fn show(what: &str, times: &[Duration], most: f64) {
    let values = times.iter().map(|time| time.as_secs_f64() * 1e3).collect();
    println!("{}", Figure { what: what.into(), values, unit: "ms", goal: Goal::AtMost(most) });
}
