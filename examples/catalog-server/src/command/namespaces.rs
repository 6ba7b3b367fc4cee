//! `catalog-server namespaces`: the tenants of a directory in the database.

use std::fmt::Write as _;

use catalog_audit::{AuditRecorder, store::SqlAuditStore};
use catalog_core::{
    directory::{NamespaceDirectory, NamespaceRecord, Phase},
    name::Namespace,
    store::{
        Changes,
        database::Database,
        hook::Unqueued,
        sql::{SqlAssetStore, SqlSourceStore},
    },
    tenant::TenantSelector,
};
use catalog_tenancy::directory::{Deleted, NamespaceChange, SqlNamespaceStore};
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::{
    AnyError,
    config::{Config, ConfigError, DirectorySource},
    database, operator,
};

/// The subcommand, with one of its own for each task.
pub(crate) fn command() -> Command {
    let name = || Arg::new("name").required(true).value_name("NAME").help("The namespace");
    let one = |task: &'static str, about: &'static str| Command::new(task).about(about).arg(name());
    Command::new("namespaces")
        .about("List, create, change and delete the tenants that the database knows")
        .subcommand_required(true)
        .subcommand(Command::new("list").about("Print every namespace, its phase, display name and labels"))
        .subcommand(one("create", "Create a namespace; one that is there stays as it is"))
        .subcommand(
            one("change", "Change how a namespace is called, and its labels")
                .arg(
                    Arg::new("display-name")
                        .long("display-name")
                        .value_name("TEXT")
                        .help("How people call it; empty takes the name away"),
                )
                .arg(
                    Arg::new("label")
                        .long("label")
                        .value_name("KEY=VALUE")
                        .action(ArgAction::Append)
                        .help("A label; `KEY-` takes it away"),
                ),
        )
        .subcommand(one("suspend", "Let nobody do anything in a namespace; everything is kept"))
        .subcommand(one("resume", "Let people work in a suspended namespace again"))
        .subcommand(one(
            "delete",
            "Delete a namespace with everything in it, for ever; if it breaks off, do it again",
        ))
}

/// What is asked of it.
fn task(matches: &ArgMatches) -> Result<Task, AnyError> {
    let Some((task, matches)) = matches.subcommand() else { return Ok(Task::List) };
    if task == "list" {
        return Ok(Task::List);
    }
    let name: Namespace = matches.get_one::<String>("name").map_or("", String::as_str).parse()?;
    let phase = |phase| NamespaceChange { phase: Some(phase), ..NamespaceChange::default() };
    Ok(match task {
        "create" => Task::Create(name),
        "suspend" => Task::Change(name, phase(Phase::Suspended)),
        "resume" => Task::Change(name, phase(Phase::Active)),
        "delete" => Task::Delete(name),
        _ => {
            let labels =
                matches.get_many::<String>("label").unwrap_or_default().map(|label| self::label(label));
            let change = NamespaceChange {
                display_name: matches.get_one("display-name").cloned(),
                labels: labels.collect::<Result<_, _>>()?,
                phase: None,
            };
            Task::Change(name, change)
        }
    })
}

fn label(text: &str) -> Result<(String, Option<String>), AnyError> {
    match (text.split_once('='), text.strip_suffix('-')) {
        (Some((key, value)), _) if !key.is_empty() => Ok((key.into(), Some(value.into()))),
        (None, Some(key)) if !key.is_empty() => Ok((key.into(), None)),
        _ => {
            Err(format!("`{text}` is no label: it is written `key=value`, or `key-` to take it away").into())
        }
    }
}

/// What `catalog-server namespaces` is asked to do.
#[derive(Clone, Debug)]
enum Task {
    List,
    Create(Namespace),
    Change(Namespace, NamespaceChange),
    Delete(Namespace),
}

/// Does it, and gives what is to be printed.
pub(crate) fn run(config: &Config, matches: &ArgMatches) -> Result<String, AnyError> {
    let task = task(matches)?;
    if config.tenancy.directory() != DirectorySource::Database {
        let how = "is not `database`: the namespaces are those that the configuration names";
        return Err(ConfigError::new("tenancy.directory", how).into());
    }
    database::with(&config.database, async |database| {
        database::migrator(&database).run().await?;
        perform(&database, &task).await
    })
}

async fn perform(database: &Database, task: &Task) -> Result<String, AnyError> {
    let recorder = || AuditRecorder::new(SqlAuditStore::new(database.clone()));
    let store = SqlNamespaceStore::new(database.clone(), recorder(), Changes::default());
    let by = operator::attribution();
    match task {
        Task::List => list(&store).await,
        Task::Create(name) => {
            let made = store.create(&by, name).await?;
            Ok(format!("{name} {}\n", made.phase.as_str()))
        }
        Task::Change(name, change) => match store.change(&by, name, change).await? {
            Some(changed) => Ok(format!("{name} {}\n", changed.phase.as_str())),
            None => Err(unknown(name)),
        },
        Task::Delete(name) => {
            let assets = SqlAssetStore::new(database.clone(), recorder());
            let sources = SqlSourceStore::new(database.clone(), recorder(), Unqueued);
            let scope = operator::scope("namespaces", TenantSelector::One(name.clone())).await?;
            match store.delete(&scope, &by, &[&sources, &assets]).await? {
                Some(Deleted { rows, .. }) => Ok(format!("{name} deleted, with {rows} rows\n")),
                None => Err(unknown(name)),
            }
        }
    }
}

fn unknown(name: &Namespace) -> AnyError {
    format!("there is no namespace `{name}`").into()
}

/// So many are read at once.
const PAGE: usize = 500;

async fn list(store: &impl NamespaceDirectory) -> Result<String, AnyError> {
    let scope = operator::scope("namespaces", TenantSelector::All).await?;
    let (mut text, mut after): (String, Option<Namespace>) = (String::new(), None);
    loop {
        let page = store.list(&scope, after.as_ref(), PAGE).await?;
        for record in &page {
            push_line(&mut text, record);
        }
        after = page.last().map(|last| last.name.clone());
        if page.len() < PAGE {
            return Ok(text);
        }
    }
}

fn push_line(text: &mut String, record: &NamespaceRecord) {
    // writing to a string cannot fail
    let _ = write!(text, "{} {}", record.name, record.phase.as_str());
    if let Some(called) = &record.display_name {
        let _ = write!(text, " {called:?}");
    }
    for (key, value) in &record.labels {
        let _ = write!(text, " {key}={value:?}");
    }
    text.push('\n');
}
