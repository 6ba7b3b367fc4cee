//! `catalog-server migrate`: the schema of the database.

use std::fmt::Write as _;

use catalog_ha::migrate::{MigrationStatus, Migrator};
use clap::{Arg, ArgMatches, Command, value_parser};

use crate::{AnyError, config::Config, database};

/// The subcommand, with one of its own for each task.
pub(crate) fn command() -> Command {
    Command::new("migrate")
        .about("Look at the schema of the database, and bring it to this release's")
        .subcommand_required(true)
        .subcommand(Command::new("status").about("Print how the schema stands; changes nothing"))
        .subcommand(
            Command::new("plan")
                .about("Print the statements that `run` would make, and what they lock; changes nothing"),
        )
        .subcommand(
            Command::new("run").about("Apply what is pending; of several that begin at once, one does"),
        )
        .subcommand(Command::new("verify").about("Fail unless all is applied, just as this release has it"))
        .subcommand(
            Command::new("mark-finished")
                .about("Note that a step without a transaction is done, after it was finished by hand")
                .arg(
                    Arg::new("owner")
                        .required(true)
                        .value_name("OWNER")
                        .help("Whose tables: `core`, `audit`, …"),
                )
                .arg(
                    Arg::new("version")
                        .required(true)
                        .value_name("VERSION")
                        .value_parser(value_parser!(i64))
                        .help("The number of the step"),
                ),
        )
}

/// Does what is asked, and gives what is to be printed.
pub(crate) fn run(config: &Config, matches: &ArgMatches) -> Result<String, AnyError> {
    database::with(&config.database, async |database| perform(&database::migrator(&database), matches).await)
}

async fn perform(migrator: &Migrator, matches: &ArgMatches) -> Result<String, AnyError> {
    Ok(match matches.subcommand() {
        Some(("plan", _)) => {
            let mut text = String::new();
            for step in migrator.plan().await? {
                // writing to a string cannot fail
                let _ = writeln!(text, "-- {} {}: {} ({:?})", step.owner, step.version, step.name, step.kind);
                if let Some(backfill) = &step.backfill {
                    let (rows, table) = (backfill.rows, backfill.table);
                    let _ = writeln!(text, "-- for {rows} rows of {table} at a time, each in a transaction");
                }
                for (statement, lock) in step.locks {
                    let _ = writeln!(text, "-- locks {lock}: {statement}");
                }
                let _ = writeln!(text, "{}\n", step.sql.trim());
            }
            text
        }
        Some(("run", _)) => {
            let pending = migrator.plan().await?.len();
            let status = migrator.run().await?;
            format!("{} applied\n{}", pending - status.pending.len(), told(&status))
        }
        Some(("verify", _)) => told(&migrator.verify().await?),
        Some(("mark-finished", matches)) => {
            let owner = matches.get_one::<String>("owner").map_or("", String::as_str);
            let version = matches.get_one::<i64>("version").copied().unwrap_or_default();
            migrator.mark_finished(owner, version).await?;
            told(&migrator.status().await?)
        }
        _ => told(&migrator.status().await?),
    })
}

fn told(status: &MigrationStatus) -> String {
    let component = status.component();
    let mut text = format!("{}\n", component.detail.unwrap_or_default());
    for step in &status.pending {
        let _ = writeln!(text, "pending: {} {} {} ({:?})", step.owner, step.version, step.name, step.kind);
    }
    for step in &status.filling {
        let (owner, version, name, changed) = (step.owner, step.version, step.name, step.changed);
        let _ = writeln!(text, "filling in: {owner} {version} {name}, {changed} rows so far");
    }
    for step in &status.ahead {
        let release = step.release.as_deref().unwrap_or("an unknown release");
        let _ = writeln!(text, "ahead: {} {} by {release} ({:?})", step.owner, step.version, step.kind);
    }
    text
}
