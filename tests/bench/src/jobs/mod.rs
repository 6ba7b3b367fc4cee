//! The queue of catalog-jobs: how fast jobs go in and out, and how long one waits when nothing else is to be done.

mod drain;
mod enqueue;
mod table;

use std::time::Duration;

use catalog_core::store::{
    database::{Database, DatabaseOptions},
    hook::Unaudited,
    sql::migrate,
    statement::{Dialect, Statement},
};
use catalog_jobs::{
    Job, NewJob,
    store::{MIGRATIONS, SqlJobStore},
};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use serde::{Deserialize, Serialize};

use self::table::{Goal, HEADER, Row};
use crate::{AnyError, bench::create};

/// How it is measured.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    postgres: Option<String>,
    rounds: usize,
    jobs: usize,
    large: bool,
    sqlite: bool,
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
    }
}

/// A job that is nothing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Nothing {
    number: usize,
}

impl Job for Nothing {
    const KIND: &'static str = "nothing";
}

/// Jobs of as many tenants.
pub(crate) fn jobs(many: usize, tenants: usize) -> Result<Vec<NewJob>, AnyError> {
    let job = |number| Ok(NewJob::new(format!("t{}", number % tenants).parse()?, &Nothing { number })?);
    (0..many).map(job).collect()
}

/// Measures everything, and prints a table.
pub(crate) async fn run(plan: &Plan) -> Result<(), AnyError> {
    println!(
        "{} jobs that do nothing, {} rounds; a goal that is missed has a `!` before it",
        plan.jobs, plan.rounds
    );
    println!("p50 and p99 are from enqueueing to the start of the handler\n\n{HEADER}");
    if plan.sqlite {
        let folder = tempfile::tempdir()?;
        let url = format!("sqlite://{}", folder.path().join("jobs.db").display());
        measure(plan, "SQLite", &url).await?;
    }
    if let Some(server) = &plan.postgres {
        measure(plan, "PostgreSQL", &create(server, "catalog_bench_jobs").await?).await?;
    }
    Ok(())
}

pub(crate) async fn open(url: &str) -> Result<SqlJobStore<Unaudited>, AnyError> {
    let options =
        DatabaseOptions { statement_timeout: Duration::from_mins(10), ..DatabaseOptions::default() };
    let database = if url.starts_with("sqlite:") {
        Database::sqlite(url, options).await?
    } else {
        Database::postgres(url, options).await?
    };
    migrate(&database, MIGRATIONS).await?;
    Ok(SqlJobStore::new(database, Unaudited))
}

async fn measure(plan: &Plan, engine: &str, url: &str) -> Result<(), AnyError> {
    let postgres = engine == "PostgreSQL";
    let goal = |least| if postgres { Goal::AtLeast(least) } else { Goal::None };
    let store = open(url).await?;
    let row = |what: &str, values, goal| {
        println!("{}", Row { what: format!("{engine}: {what}"), values, unit: "job/s", goal });
    };
    row("enqueue, 8 tasks one by one", enqueue::singles(&store, plan).await?, goal(4_500.0));
    row("enqueue, batches of 1,000", enqueue::batches(&store, plan).await?, goal(80_000.0));
    row(
        "drain, as configured by default, 1 worker",
        drain::rates(url, plan, drain::Mode::Default, 1).await?,
        goal(15_000.0),
    );
    row(
        "drain, as configured by default, 3 workers",
        drain::rates(url, plan, drain::Mode::Default, 3).await?,
        goal(15_000.0),
    );
    row("drain, tuned, 1 worker", drain::rates(url, plan, drain::Mode::Tuned, 1).await?, goal(30_000.0));
    row("drain, tuned, 3 workers", drain::rates(url, plan, drain::Mode::Tuned, 3).await?, goal(40_000.0));
    row(
        "drain, limit of 64 a tenant, 1 worker",
        drain::rates(url, plan, drain::Mode::Limited, 1).await?,
        Goal::None,
    );
    let (p50, p99) = drain::latency(url).await?;
    let wait = |what: &str, value: Duration, most| {
        let goal = if postgres { Goal::AtMost(most) } else { Goal::None };
        println!(
            "{}",
            Row {
                what: format!("{engine}: {what}"),
                values: vec![value.as_secs_f64() * 1e3],
                unit: "ms",
                goal
            }
        );
    };
    wait("idle, from enqueueing to start, p50", p50, 2.5);
    wait("idle, from enqueueing to start, p99", p99, 10.0);
    if plan.large {
        finished(&store, 1_000_000).await?;
        row(
            "drain, tuned, 1 worker, 1,000,000 finished",
            drain::rates(url, plan, drain::Mode::Tuned, 1).await?,
            Goal::None,
        );
        if postgres {
            let mut reader = store.database().begin().await?;
            reader
                .execute_script(
                    "set transaction isolation level repeatable read; select count(*) from catalog_jobs_live",
                )
                .await?;
            row(
                "drain, tuned, 1 worker, an old reader",
                drain::rates(url, plan, drain::Mode::Tuned, 1).await?,
                Goal::None,
            );
            reader.rollback().await?;
        }
    }
    Ok(())
}

/// Jobs that were finished long ago.
async fn finished(store: &SqlJobStore<Unaudited>, many: usize) -> Result<(), AnyError> {
    let database = store.database();
    let mut insert = Statement::new(database.dialect());
    insert.push(match database.dialect() {
        Dialect::Postgres => "insert into catalog_jobs_records (namespace, id, queue, lane, kind, requested_ms, payload, priority, max_attempts, state, finished_ms) select 't' || (n % 10), gen_random_uuid(), 'default', 't/', 'nothing', 1, '{}', 0, 5, 1, 1 from generate_series(1, ",
        Dialect::Sqlite => "insert into catalog_jobs_records (namespace, id, queue, lane, kind, requested_ms, payload, priority, max_attempts, state, finished_ms) with recursive s (n) as (select 1 union all select n + 1 from s where n < ",
    });
    insert.push_count(many).push(match database.dialect() {
        Dialect::Postgres => ") n",
        Dialect::Sqlite => ") select 't' || (n % 10), lower(hex(randomblob(16))), 'default', 't/', 'nothing', 1, '{}', 0, 5, 1, 1 from s",
    });
    database.change(insert).await?;
    settle(store).await
}

/// Lets the engine do now what it would do soon.
pub(crate) async fn settle(store: &SqlJobStore<Unaudited>) -> Result<(), AnyError> {
    crate::refresh::settle(store.database()).await
}
