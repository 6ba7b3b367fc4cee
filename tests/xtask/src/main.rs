//! Task runner of the workspace, called as `cargo xtask <command>` from any folder inside the repository.
//!
//! Everything a task reports goes to stderr; stdout belongs to the programs it runs, so that the last lines
//! of `test` and `ci` are cargo test's own results. Exit codes: 0 when the task succeeded, 1 when it failed,
//! 2 when it was called wrongly.

mod bench;
mod ci;
mod conformance;
mod dependencies;
mod features;
mod layout;
mod metadata;
mod suite;

use std::env;
use std::ffi::OsString;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use xtask::{
    command::{self, Command},
    error::{self, Error, ErrorKind},
    postgres,
};

/// One thing that can be asked for by name.
struct Task {
    name: &'static str,
    arguments: &'static str,
    summary: &'static str,
    /// Takes the workspace's root and the arguments after the task's name.
    run: fn(&Path, &[String]) -> Result<(), Error>,
}

const TASKS: [Task; 6] = [
    Task {
        name: "test",
        arguments: "[-- <cargo test arguments>]",
        summary: "run every test, those that need PostgreSQL too, on a throw-away server",
        run: suite::run,
    },
    Task {
        name: "ci",
        arguments: "",
        summary: "run every check in order and stop at the first that fails",
        run: |root, arguments| refuse_arguments(arguments).and_then(|()| ci::run(root)),
    },
    Task {
        name: "bench",
        arguments: "audit|authz|http|jobs|layers [<options>]",
        summary: "measure events, decisions, requests, jobs, or each layer alone, beside named baselines",
        run: bench::run,
    },
    Task {
        name: "seed",
        arguments: "--database-url <URL> [<options>]",
        summary: "fill a database with assets of several tenants and plugins",
        run: bench::seed,
    },
    Task {
        name: "dependencies",
        arguments: "",
        summary: "check versions, bans, licences, sources and manifests of all packages",
        run: |root, arguments| refuse_arguments(arguments).and_then(|()| dependencies::run(root)),
    },
    Task {
        name: "conformance",
        arguments: "--url <url> --plugin <name>",
        summary: "check a plugin of a running catalog by its HTTP contract (`--help`)",
        run: conformance::run,
    },
];

fn main() -> ExitCode {
    match dispatch(env::args_os().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error.report();
            match error.kind() {
                ErrorKind::Usage => {
                    eprint!("{}", usage());
                    ExitCode::from(2)
                }
                ErrorKind::Failed => ExitCode::FAILURE,
            }
        }
    }
}

fn dispatch(arguments: impl Iterator<Item = OsString>) -> Result<(), Error> {
    let arguments = arguments
        .map(|argument| argument.into_string().map_err(|_| Error::usage("an argument is not UTF-8")))
        .collect::<Result<Vec<_>, _>>()?;
    let Some((name, rest)) = arguments.split_first() else {
        return Err(Error::usage("no command given"));
    };
    let Some(task) = TASKS.iter().find(|task| task.name == name) else {
        return Err(Error::usage(format!("unknown command `{name}`")));
    };
    (task.run)(&workspace_root()?, rest)
}

fn refuse_arguments(arguments: &[String]) -> Result<(), Error> {
    match arguments.first() {
        None => Ok(()),
        Some(first) => Err(Error::usage(format!("unexpected argument `{first}`"))),
    }
}

/// Finds the folder of the workspace's manifest, seen from the current folder.
fn workspace_root() -> Result<PathBuf, Error> {
    let manifest = Command::new("cargo")
        .args(["locate-project", "--workspace", "--message-format", "plain"])
        .output()?;
    match Path::new(manifest.trim_end()).parent() {
        Some(root) if root.is_absolute() => Ok(root.to_path_buf()),
        _ => Err(Error::failed(format!("cargo named no workspace manifest but `{}`", manifest.trim_end()))),
    }
}

fn usage() -> String {
    let mut text = String::from("usage: cargo xtask <command>\n\ncommands:\n");
    for task in &TASKS {
        let call = format!("{} {}", task.name, task.arguments);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {call:<50}{}", task.summary);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_lists_every_command() {
        let usage = usage();
        for task in &TASKS {
            assert!(usage.contains(task.name) && usage.contains(task.summary), "{usage}");
        }
    }

    #[test]
    fn wrong_calls_are_usage_errors() {
        for call in [
            vec![],
            vec!["frobnicate"],
            vec!["ci", "now"],
            vec!["dependencies", "--all"],
            vec!["test", "name"],
            vec!["bench"],
            vec!["bench", "speed"],
        ] {
            let error = dispatch(call.iter().map(OsString::from)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage, "{call:?}: {error}");
        }
    }
}
