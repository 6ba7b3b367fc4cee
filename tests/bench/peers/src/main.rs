//! `bench authz` and `bench jobs` with other engines and queues beside ours. What callers belong to is told to the engines
//! beforehand, where Kubernetes takes it from each request.

mod apalis;
#[path = "../../src/authz/mod.rs"]
mod authz;
mod casbin;
mod cedar;
#[path = "../../src/database.rs"]
mod database;
#[path = "../../src/figure.rs"]
mod figure;
mod graphile;
#[path = "../../src/jobs/mod.rs"]
mod jobs;
#[path = "../../src/table.rs"]
#[expect(dead_code, reason = "a part of it is used")]
mod table;

use std::{error::Error, process::ExitCode};

use async_trait::async_trait;
use clap::{ArgMatches, Command};
use sqlx::{PgPool, postgres::PgPoolOptions};

use self::{
    authz::{
        Peer,
        grant::Grant,
        workload::{Question, Workload},
    },
    database::create,
};

type AnyError = Box<dyn Error + Send + Sync>;

fn main() -> ExitCode {
    let command = Command::new("peers")
        .subcommand_required(true)
        .subcommand(authz::command())
        .subcommand(jobs::command());
    match run(&command.get_matches()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(matches: &ArgMatches) -> Result<(), AnyError> {
    match matches.subcommand() {
        Some(("authz", matches)) => authz::run(authz::plan(matches), engines),
        Some(("jobs", matches)) => {
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
            runtime.block_on(jobs::run(&jobs::plan(matches), &Queues))
        }
        _ => Err("no command".into()),
    }
}

fn engines(workload: &Workload) -> Result<Vec<Peer>, AnyError> {
    Ok(vec![
        ("cedar-policy 4, bindings as entities", Box::new(cedar::Cedar::new(workload)?)),
        ("casbin 2, role lines for all namespaces", Box::new(casbin::Casbin::new(workload)?)),
    ])
}

struct Queues;

#[async_trait]
impl jobs::contender::Peers for Queues {
    async fn open(&self, server: &str) -> Result<Vec<jobs::contender::Peer>, AnyError> {
        let graphile = graphile::Graphile::open(&create(server, "catalog_bench_graphile").await?).await?;
        let apalis = apalis::Apalis::open(&create(server, "catalog_bench_apalis").await?).await?;
        Ok(vec![("graphile_worker 0.14", Box::new(graphile)), ("apalis-postgres 1", Box::new(apalis))])
    }
}

/// Connections of one queue, as many for each.
async fn pool(url: &str) -> Result<PgPool, AnyError> {
    Ok(PgPoolOptions::new().max_connections(20).connect(url).await?)
}

/// The role that a binding gives, in the namespace where it does.
fn role(grant: &Grant) -> &str {
    grant.role.split_once(' ').map_or("", |(_, name)| name)
}

/// Whether the question is about one of the two objects that `runner` may do something with: all names are the namespace's own.
fn is_own(question: &Question) -> bool {
    question.name == format!("{}-tag", question.namespace)
        || question.name == format!("{}-deploy", question.namespace)
}
