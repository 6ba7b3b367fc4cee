//! The audit trail beside what it cannot be quicker than: the same rows written and the same bytes digested without it.
//!
//! Both sides take turns, on one database of a durable server each: `fsync` and `synchronous_commit` must be on.

mod change;
mod fixture;
mod group;
mod history;
mod limit;
mod single;
mod verify;

use std::time::Duration;

use clap::{Arg, ArgMatches, Command, value_parser};

use crate::{
    AnyError,
    table::{HEADER, Line},
};

/// How it is measured.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// A PostgreSQL server on which databases may be made.
    postgres: Option<String>,
    rounds: usize,
    /// How long each time.
    time: Duration,
    /// Events that are verified.
    events: usize,
    /// Events that are there when others are added.
    history: usize,
    only: Vec<String>,
}

/// The options.
pub(crate) fn command() -> Command {
    let number = |name: &'static str, default: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_parser(value_parser!(usize)).default_value(default).help(help)
    };
    Command::new("audit")
        .about("Events written, sealed and verified, and changes with and without their events")
        .arg(
            Arg::new("postgres")
                .long("postgres")
                .help("A server whose user may create databases; without one SQLite alone is measured"),
        )
        .arg(number("rounds", "5", "So many times is each measured; the median counts"))
        .arg(
            Arg::new("seconds")
                .long("seconds")
                .value_parser(value_parser!(f64))
                .default_value("1.5")
                .help("How long each time"),
        )
        .arg(number("events", "100000", "Events that are verified"))
        .arg(number("history", "200000", "Events that are there when others are added"))
        .arg(Arg::new("only").long("only").value_delimiter(',').help("These rows alone: `A1,A5`"))
}

pub(crate) fn plan(matches: &ArgMatches) -> Plan {
    let number = |name| matches.get_one::<usize>(name).copied().unwrap_or_default();
    let seconds = matches.get_one::<f64>("seconds").copied().unwrap_or(1.0);
    Plan {
        postgres: matches.get_one::<String>("postgres").cloned(),
        rounds: number("rounds").max(1),
        time: Duration::try_from_secs_f64(seconds).unwrap_or(Duration::from_secs(1)),
        events: number("events"),
        history: number("history"),
        only: matches.get_many::<String>("only").into_iter().flatten().cloned().collect(),
    }
}

impl Plan {
    fn wants(&self, id: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == id)
    }
}

/// Measures everything, and prints a table.
pub(crate) async fn run(plan: &Plan) -> Result<(), AnyError> {
    println!(
        "{} rounds of {:.1} s, {} events verified, {} events of history",
        plan.rounds,
        plan.time.as_secs_f64(),
        plan.events,
        plan.history
    );
    println!("a goal that is missed has a `!` before it\n\n{HEADER}");
    let show = |lines: Vec<Line>| lines.into_iter().for_each(|line| println!("{line}"));
    if let Some(server) = &plan.postgres {
        limit::is_durable(server).await?;
        if plan.wants("A1") {
            show(group::single(plan, server).await?);
        }
        if plan.wants("A2") {
            show(group::waiting(plan, server).await?);
        }
    }
    if plan.wants("A3") {
        show(single::sqlite(plan).await?);
    }
    if plan.wants("A4") {
        show(change::measure(plan).await?);
    }
    if plan.wants("A5") {
        show(verify::measure(plan).await?);
    }
    if plan.wants("A6") {
        show(history::measure(plan).await?);
    }
    Ok(())
}
