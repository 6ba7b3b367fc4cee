//! Benchmarks, which are a program of their own: the runner stays small.

use std::path::Path;

use crate::command::Command;
use crate::error::Error;
use crate::postgres::{Cluster, Durability};

/// Runs one of them; `http`, `audit` and `jobs` with a throw-away PostgreSQL server, `authz` with other engines beside ours.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<(), Error> {
    match arguments.split_first() {
        Some((what, rest)) if what == "http" => {
            let cluster = Cluster::start(Durability::Forgetful)?;
            program(root).args(["http", "--postgres", &cluster.url()]).args(rest).run()
        }
        Some((what, rest)) if what == "audit" => {
            let cluster = Cluster::start(Durability::Durable)?;
            program(root).args(["audit", "--postgres", &cluster.url()]).args(rest).run()
        }
        Some((what, rest)) if what == "layers" => program(root).args(["layers"]).args(rest).run(),
        Some((what, rest)) if what == "jobs" => {
            let cluster = Cluster::start(Durability::Durable)?;
            program(root).args(["jobs", "--postgres", &cluster.url()]).args(rest).run()
        }
        Some((what, rest)) if what == "authz" => {
            let peers = "tests/bench/peers/Cargo.toml";
            let call = ["run", "--release", "--target-dir", "target/peers", "--manifest-path", peers, "--"];
            Command::cargo(root).args(call).args(rest).run()
        }
        Some((what, _)) => Err(Error::usage(format!("unknown benchmark `{what}`"))),
        None => Err(Error::usage("no benchmark given")),
    }
}

/// Fills a database with the data that benchmarks run on.
pub(crate) fn seed(root: &Path, arguments: &[String]) -> Result<(), Error> {
    program(root).args(["seed"]).args(arguments).run()
}

/// Measured is what users run.
fn program(root: &Path) -> Command {
    Command::cargo(root).args(["run", "--release", "--package", "catalog-bench", "--"])
}
