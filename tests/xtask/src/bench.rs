//! Benchmarks, which are a program of their own: the runner stays small.

use std::path::Path;

use crate::command::Command;
use crate::error::Error;
use crate::postgres::{Cluster, Durability};

/// Runs one of them; `http`, `audit`, `jobs` and `ha` with a throw-away PostgreSQL server, `authz` and `jobs` with other engines and queues
/// beside ours.
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
        Some((what, rest)) if what == "ha" => {
            Command::cargo(root).args(["build", "--release", "--package", "catalog-server"]).run()?;
            let cluster = Cluster::start(Durability::Durable)?;
            program(root).args(["ha", "--postgres", &cluster.url()]).args(rest).run()
        }
        Some((what, rest)) if what == "layers" => program(root).args(["layers"]).args(rest).run(),
        Some((what, rest)) if what == "jobs" => {
            let cluster = Cluster::start(Durability::Durable)?;
            peers(root).args(["jobs", "--postgres", &cluster.url()]).args(rest).run()
        }
        Some((what, rest)) if what == "authz" => peers(root).args(["authz"]).args(rest).run(),
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

/// Peers are a workspace of their own.
fn peers(root: &Path) -> Command {
    let manifest = "tests/bench/peers/Cargo.toml";
    let call = ["run", "--release", "--target-dir", "target/peers", "--manifest-path", manifest, "--"];
    Command::cargo(root).args(call)
}
