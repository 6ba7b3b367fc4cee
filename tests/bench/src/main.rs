//! Benchmarks: ours beside a named baseline, in one run on one machine, as ratios.
//!
//! `http` starts a server of its own for each engine, with the baselines' routes beside the catalog's, and loads both from another
//! process over keep-alive connections. `seed` fills a database with the data that it runs on. `authz` asks the embedded RBAC engine.
//! `audit` writes, seals and verifies events; `jobs` fills and drains the queue; `ha` starts, kills and ends servers.

mod audit;
mod authz;
mod bench;
mod database;
mod figure;
mod ha;
mod jobs;
mod layers;
mod load;
mod neighbour;
mod refresh;
mod seed;
mod serve;
mod table;

use std::{error::Error, process::ExitCode};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

type AnyError = Box<dyn Error + Send + Sync>;

fn main() -> ExitCode {
    let matches = command().get_matches();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let outcome = runtime.map_err(AnyError::from).and_then(|runtime| runtime.block_on(run(&matches)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("  because: {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

async fn run(matches: &ArgMatches) -> Result<(), AnyError> {
    match matches.subcommand() {
        Some(("layers", matches)) => layers::run(number(matches, "rounds")).await,
        Some(("http", matches)) => bench::run(&plan(matches)).await,
        Some(("jobs", matches)) => jobs::run(&jobs::plan(matches), &()).await,
        Some(("ha", matches)) => ha::run(&ha::plan(matches)).await,
        Some(("audit", matches)) => audit::run(&audit::plan(matches)).await,
        Some(("authz", matches)) => authz::run(authz::plan(matches), |_| Ok(Vec::new())),
        Some(("seed", matches)) => {
            let url = text(matches, "database-url").ok_or("a database is needed")?;
            let size = seed::Size {
                tenants: number(matches, "tenants"),
                plugins: number(matches, "plugins"),
                assets: number(matches, "assets"),
            };
            let database = seed::open(&url).await?;
            let rows = seed::fill(&database, size).await?;
            println!("{rows} assets in {url}");
            Ok(())
        }
        Some(("serve", matches)) => {
            let url = text(matches, "database-url").ok_or("a database is needed")?;
            serve::run(&url, matches.get_flag("cached"), matches.get_flag("limit-t1")).await
        }
        _ => Err("no command".into()),
    }
}

fn plan(matches: &ArgMatches) -> bench::Plan {
    bench::Plan {
        postgres: text(matches, "postgres"),
        rounds: number(matches, "rounds"),
        seconds: matches.get_one::<f64>("seconds").copied().unwrap_or(1.0),
        connections: number(matches, "connections"),
        assets: number(matches, "assets"),
        large: matches.get_flag("large"),
        only: matches.get_many::<String>("only").into_iter().flatten().cloned().collect(),
    }
}

fn text(matches: &ArgMatches, name: &str) -> Option<String> {
    matches.get_one::<String>(name).cloned()
}

fn number(matches: &ArgMatches, name: &str) -> usize {
    matches.get_one::<usize>(name).copied().unwrap_or_default()
}

fn command() -> Command {
    let number = |name: &'static str, default: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_parser(value_parser!(usize)).default_value(default).help(help)
    };
    let url = Arg::new("database-url").long("database-url").required(true).help("sqlite://… or postgres://…");
    Command::new("bench")
        .about("Measures the catalog crates beside named baselines")
        .subcommand_required(true)
        .subcommand(
            Command::new("http")
                .about("Lists, gets, filters, search, paging depth, caches and refresh, on both engines")
                .arg(
                    Arg::new("postgres").long("postgres").help(
                        "A server whose user may create databases; without one SQLite alone is measured",
                    ),
                )
                .arg(number("rounds", "5", "So many times is each measured; the median counts"))
                .arg(
                    Arg::new("seconds")
                        .long("seconds")
                        .value_parser(value_parser!(f64))
                        .default_value("1.5")
                        .help("How long each time"),
                )
                .arg(number("connections", "20", "Keep-alive connections"))
                .arg(number("assets", "10000", "Assets of each of two tenants"))
                .arg(Arg::new("only").long("only").value_delimiter(',').help("These rows alone: `Q3,Q8`"))
                .arg(
                    Arg::new("large")
                        .long("large")
                        .action(ArgAction::SetTrue)
                        .help("Also a database of 1,000,000 assets, and one of 10,000 tenants"),
                ),
        )
        .subcommand(audit::command())
        .subcommand(authz::command())
        .subcommand(ha::command())
        .subcommand(jobs::command())
        .subcommand(
            Command::new("layers").about("What each layer adds to a request, without a network").arg(number(
                "rounds",
                "7",
                "So many times is each measured; the median counts",
            )),
        )
        .subcommand(
            Command::new("seed")
                .about("Fills a database: tenants t0, t1, … with as many assets in each plugin")
                .arg(url.clone())
                .arg(number("tenants", "2", "Tenants"))
                .arg(number("plugins", "5", "Plugins, of the eight that are built in"))
                .arg(number("assets", "10000", "Assets of each tenant in each plugin")),
        )
        .subcommand(
            Command::new("serve")
                .about("What `http` starts for itself")
                .hide(true)
                .arg(url)
                .arg(Arg::new("cached").long("cached").action(ArgAction::SetTrue))
                .arg(Arg::new("limit-t1").long("limit-t1").action(ArgAction::SetTrue)),
        )
}
