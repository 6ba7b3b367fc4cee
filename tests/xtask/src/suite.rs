//! The whole test suite, with a PostgreSQL server for the tests that need one.

use std::env;
use std::ffi::OsString;
use std::path::Path;
use std::time::Instant;

use crate::command::Command;
use crate::error::Error;
use crate::postgres::{Cluster, Durability};

/// Where the tests find their server; its user must be allowed to create databases.
const SERVER_URL: &str = "CATALOG_TEST_POSTGRES_URL";

/// Flags of cargo test that choose targets; with any of them there is nothing left for us to choose.
const TARGET_FLAGS: [&str; 11] = [
    "--lib",
    "--bin",
    "--bins",
    "--test",
    "--tests",
    "--example",
    "--examples",
    "--bench",
    "--benches",
    "--all-targets",
    "--doc",
];

/// Runs the suite; `arguments` is empty or `--` and what cargo test shall be given besides.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<(), Error> {
    let extra = match arguments.split_first() {
        None => arguments,
        Some((dashes, extra)) if dashes == "--" => extra,
        Some((first, _)) => return Err(Error::usage(format!("unexpected argument `{first}`"))),
    };

    if let Some(url) = env::var_os(SERVER_URL).filter(|url| !url.is_empty()) {
        eprintln!("postgres: using the server that {SERVER_URL} names, starting none");
        return test(root, extra, &url);
    }
    let cluster = Cluster::start(Durability::Forgetful)?;
    test(root, extra, &OsString::from(cluster.url()))
}

/// Runs all cargo calls even when one fails: a broken test should not hide what the doc-tests say.
fn test(root: &Path, extra: &[String], url: &OsString) -> Result<(), Error> {
    let mut failures = Vec::new();
    for call in calls(extra) {
        let begun = Instant::now();
        if let Err(error) =
            Command::cargo(root).args(&call).env(SERVER_URL, url).env_remove("DATABASE_URL").run()
        {
            failures.push(error.to_string());
        }
        eprintln!("test: took {:.1?}", begun.elapsed());
    }
    if failures.is_empty() { Ok(()) } else { Err(Error::failed(failures.join(" and "))) }
}

/// The cargo calls that make up the suite, as argument lists.
///
/// Doc-tests get a call of their own: `--include-ignored` would make rustdoc run the code blocks marked
/// `ignore`.
fn calls(extra: &[String]) -> Vec<Vec<String>> {
    let mut parts = extra.splitn(2, |argument| argument == "--");
    let cargo = parts.next().unwrap_or_default();
    let harness = parts.next().unwrap_or_default();

    let has_flag = |flags: &[&str]| {
        cargo.iter().any(|argument| {
            flags.contains(&argument.split_once('=').map_or(argument.as_str(), |(flag, _)| flag))
        })
    };
    let call = |target: Option<&str>, ignored_too: bool| {
        let mut call = vec!["test"];
        // Given both, cargo forgets the named packages.
        if !has_flag(&["-p", "--package", "--workspace"]) {
            call.push("--workspace");
        }
        call.extend(["--all-features", "--no-fail-fast"]);
        call.extend(target);
        call.extend(cargo.iter().map(String::as_str));
        // The harness refuses `--ignored` beside `--include-ignored`.
        let is_chosen =
            harness.iter().any(|argument| argument == "--ignored" || argument == "--include-ignored");
        let ignored = (ignored_too && !is_chosen).then_some("--include-ignored");
        let mut harness = ignored.into_iter().chain(harness.iter().map(String::as_str)).peekable();
        if harness.peek().is_some() {
            call.push("--");
        }
        call.extend(harness);
        call.into_iter().map(str::to_owned).collect()
    };

    if has_flag(&TARGET_FLAGS) {
        vec![call(None, !has_flag(&["--doc"]))]
    } else {
        vec![call(Some("--tests"), true), call(Some("--doc"), false)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(extra: &[&str]) -> Vec<String> {
        let extra: Vec<String> = extra.iter().map(ToString::to_string).collect();
        calls(&extra).iter().map(|call| call.join(" ")).collect()
    }

    #[test]
    fn ignored_tests_run_but_ignored_code_blocks_do_not() {
        assert_eq!(
            lines(&[]),
            [
                "test --workspace --all-features --no-fail-fast --tests -- --include-ignored",
                "test --workspace --all-features --no-fail-fast --doc",
            ]
        );
    }

    #[test]
    fn named_package_replaces_the_workspace() {
        assert_eq!(
            lines(&["-p", "catalog-ha", "--", "lease"]),
            [
                "test --all-features --no-fail-fast --tests -p catalog-ha -- --include-ignored lease",
                "test --all-features --no-fail-fast --doc -p catalog-ha -- lease",
            ]
        );
    }

    #[test]
    fn named_target_is_the_only_one() {
        assert_eq!(
            lines(&["--test=postgres", "--", "--ignored"]),
            ["test --workspace --all-features --no-fail-fast --test=postgres -- --ignored"]
        );
        assert_eq!(lines(&["--doc"]), ["test --workspace --all-features --no-fail-fast --doc"]);
    }
}
