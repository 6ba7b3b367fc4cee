//! `bench authz` with other engines beside ours. What callers belong to is told to them beforehand, where Kubernetes takes it from
//! each request.

#[path = "../../src/authz/mod.rs"]
mod authz;
mod casbin;
mod cedar;
#[path = "../../src/table.rs"]
#[expect(dead_code, reason = "the median alone is used")]
mod table;

use std::{error::Error, process::ExitCode};

use self::authz::{
    Peer,
    grant::Grant,
    workload::{Question, Workload},
};

type AnyError = Box<dyn Error + Send + Sync>;

fn main() -> ExitCode {
    match authz::run(authz::plan(&authz::command().get_matches()), peers) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn peers(workload: &Workload) -> Result<Vec<Peer>, AnyError> {
    Ok(vec![
        ("cedar-policy 4, bindings as entities", Box::new(cedar::Cedar::new(workload)?)),
        ("casbin 2, role lines for all namespaces", Box::new(casbin::Casbin::new(workload)?)),
    ])
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
