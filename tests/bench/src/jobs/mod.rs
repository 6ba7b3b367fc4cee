//! The queue of catalog-jobs and, in the package `peers`, other queues beside it: how fast jobs go in and out, and how long one waits
//! when nothing else is to be done.

pub(crate) mod contender;
mod drain;
mod enqueue;
mod ours;

use std::{sync::Arc, time::Duration};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use self::{
    contender::{Contender, Mode, Peers},
    ours::Ours,
};
use crate::{
    AnyError,
    database::create,
    figure::{Figure, Goal, HEADER},
};

/// How it is measured.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    postgres: Option<String>,
    rounds: usize,
    jobs: usize,
    large: bool,
    sqlite: bool,
    only: Vec<String>,
}

impl Plan {
    fn wants(&self, row: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == row)
    }
}

/// The options.
pub(crate) fn command() -> Command {
    let number = |name: &'static str, default: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_parser(value_parser!(usize)).default_value(default).help(help)
    };
    Command::new("jobs")
        .about("Enqueueing, draining and waiting of the job queue, on both engines")
        .arg(
            Arg::new("postgres")
                .long("postgres")
                .help("A server whose user may create databases; without one SQLite alone is measured"),
        )
        .arg(
            Arg::new("without-sqlite")
                .long("without-sqlite")
                .action(ArgAction::SetTrue)
                .help("PostgreSQL alone"),
        )
        .arg(Arg::new("only").long("only").value_delimiter(',').help(
            "These alone: `single`, `batch`, `default-1`, `default-3`, `tuned-1`, `tuned-3`, `wait`, `limited`",
        ))
        .arg(number("rounds", "5", "So many times is each measured; the median counts"))
        .arg(number("jobs", "20000", "Jobs that are drained in a round"))
        .arg(
            Arg::new("large")
                .long("large")
                .action(ArgAction::SetTrue)
                .help("Also beside 1,000,000 finished jobs, and beside a reader of a minute ago"),
        )
}

pub(crate) fn plan(matches: &ArgMatches) -> Plan {
    let number = |name| matches.get_one::<usize>(name).copied().unwrap_or_default();
    Plan {
        postgres: matches.get_one::<String>("postgres").cloned(),
        rounds: number("rounds"),
        jobs: number("jobs"),
        large: matches.get_flag("large"),
        sqlite: !matches.get_flag("without-sqlite"),
        only: matches.get_many::<String>("only").into_iter().flatten().cloned().collect(),
    }
}

/// Measures everything, and prints a table.
pub(crate) async fn run(plan: &Plan, peers: &dyn Peers) -> Result<(), AnyError> {
    println!(
        "{} jobs that do nothing, {} rounds; a goal that is missed has a `!` before it",
        plan.jobs, plan.rounds
    );
    println!("p50 and p99 are from enqueueing to the start of the handler\n\n{HEADER}");
    if plan.sqlite {
        let folder = tempfile::tempdir()?;
        let url = format!("sqlite://{}", folder.path().join("jobs.db").display());
        ours(plan, "SQLite", &url).await?;
    }
    if let Some(server) = &plan.postgres {
        ours(plan, "PostgreSQL", &create(server, "catalog_bench_jobs").await?).await?;
        for (name, queue) in peers.open(server).await? {
            Table { name, has_goals: false }.measure(plan, &Arc::from(queue)).await?;
        }
    }
    Ok(())
}

async fn ours(plan: &Plan, engine: &'static str, url: &str) -> Result<(), AnyError> {
    let has_goals = engine == "PostgreSQL";
    let ours = Arc::new(Ours::open(url).await?);
    let queue: Arc<dyn Contender> = ours.clone();
    let table = Table { name: engine, has_goals };
    table.measure(plan, &queue).await?;
    let drained = async |what, mode| {
        let rates = drain::rates(&*queue, plan, mode, 1).await?;
        table.show(what, rates, "job/s", Goal::None);
        Ok::<_, AnyError>(())
    };
    if plan.wants("limited") {
        drained("drain, limit of 64 a tenant, 1 worker", Mode::Limited).await?;
    }
    if plan.large {
        ours.finished(1_000_000).await?;
        drained("drain, tuned, 1 worker, 1,000,000 finished", Mode::Tuned).await?;
        if has_goals {
            let mut reader = ours.store().database().begin().await?;
            reader
                .execute_script(
                    "set transaction isolation level repeatable read; select count(*) from catalog_jobs_live",
                )
                .await?;
            drained("drain, tuned, 1 worker, an old reader", Mode::Tuned).await?;
            reader.rollback().await?;
        }
    }
    Ok(())
}

/// The lines of one queue.
#[derive(Clone, Copy)]
struct Table {
    name: &'static str,
    has_goals: bool,
}

impl Table {
    /// What every queue is measured by.
    async fn measure(self, plan: &Plan, queue: &Arc<dyn Contender>) -> Result<(), AnyError> {
        let show = |what: &str, rates, goal| self.show(what, rates, "job/s", Goal::AtLeast(goal));
        if plan.wants("single") {
            show("enqueue, 8 tasks one by one", enqueue::singles(queue, plan).await?, 4_500.0);
        }
        if plan.wants("batch") {
            show("enqueue, batches of 1,000", enqueue::batches(queue, plan).await?, 80_000.0);
        }
        for (row, what, mode, workers, goal) in [
            ("default-1", "drain, as configured by default, 1 worker", Mode::Default, 1, 15_000.0),
            ("default-3", "drain, as configured by default, 3 workers", Mode::Default, 3, 15_000.0),
            ("tuned-1", "drain, tuned, 1 worker", Mode::Tuned, 1, 30_000.0),
            ("tuned-3", "drain, tuned, 3 workers", Mode::Tuned, 3, 40_000.0),
        ] {
            if plan.wants(row) {
                show(what, drain::rates(&**queue, plan, mode, workers).await?, goal);
            }
        }
        if !plan.wants("wait") {
            return Ok(());
        }
        let (p50, p99) = drain::latency(&**queue).await?;
        let wait = |what, value: Duration, most| {
            self.show(what, vec![value.as_secs_f64() * 1e3], "ms", Goal::AtMost(most));
        };
        wait("idle, from enqueueing to start, p50", p50, 2.5);
        wait("idle, from enqueueing to start, p99", p99, 10.0);
        Ok(())
    }

    fn show(self, what: &str, values: Vec<f64>, unit: &'static str, goal: Goal) {
        let goal = if self.has_goals { goal } else { Goal::None };
        println!("{}", Figure { what: format!("{}: {what}", self.name), values, unit, goal });
    }
}
