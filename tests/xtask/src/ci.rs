//! Every check, in the order in which a failure is cheapest to find.

use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::command::Command;
use crate::error::Error;
use crate::{dependencies, features, layout, suite};

struct Step {
    name: &'static str,
    run: fn(&Path) -> Result<(), Error>,
}

/// `test` is last, so that cargo test's results close the output.
const STEPS: [Step; 7] = [
    Step { name: "fmt", run: |root| Command::cargo(root).args(["fmt", "--all", "--check"]).run() },
    Step { name: "layout", run: layout::run },
    Step { name: "dependencies", run: dependencies::run },
    Step { name: "clippy", run: clippy },
    Step { name: "features", run: features::run },
    Step { name: "docs", run: docs },
    Step { name: "test", run: |root| suite::run(root, &["--".to_owned(), "--locked".to_owned()]) },
];

/// Runs the steps until one fails, and sums up how long each took.
pub(crate) fn run(root: &Path) -> Result<(), Error> {
    run_steps(root, &STEPS)
}

fn run_steps(root: &Path, steps: &[Step]) -> Result<(), Error> {
    let mut durations = Vec::new();
    let mut outcome = Ok(());
    for step in steps {
        eprintln!("== {}", step.name);
        let begun = Instant::now();
        let result = (step.run)(root);
        durations.push((step.name, begun.elapsed()));
        eprintln!(
            "== {} {} after {:.1?}",
            step.name,
            if result.is_ok() { "passed" } else { "failed" },
            begun.elapsed()
        );
        if let Err(error) = result {
            outcome = Err(Error::failed(format!("step `{}` failed", step.name)).with_source(error));
            break;
        }
    }
    eprint!("{}", summary(&durations));
    outcome
}

fn clippy(root: &Path) -> Result<(), Error> {
    Command::cargo(root)
        .args([
            "clippy",
            "--workspace",
            "--all-targets",
            "--all-features",
            "--locked",
            "--",
            "-D",
            "warnings",
        ])
        .run()
}

fn docs(root: &Path) -> Result<(), Error> {
    Command::cargo(root)
        .args(["doc", "--workspace", "--all-features", "--no-deps", "--locked"])
        .env("RUSTDOCFLAGS", "-D warnings")
        .run()
}

fn summary(durations: &[(&str, Duration)]) -> String {
    let mut text = String::from("== summary\n");
    let total = durations.iter().map(|(_, duration)| *duration).sum::<Duration>();
    for (name, duration) in durations.iter().chain([&("total", total)]) {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name:<14}{:>8.1} s", duration.as_secs_f64());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_failure_stops_and_is_named() {
        let steps = [
            Step { name: "first", run: |_| Ok(()) },
            Step { name: "second", run: |_| Err(Error::failed("broken")) },
            Step { name: "third", run: |_| Err(Error::failed("never reached")) },
        ];
        assert_eq!(run_steps(Path::new("."), &steps).unwrap_err().to_string(), "step `second` failed");
    }

    #[test]
    fn test_is_the_last_step() {
        assert_eq!(STEPS.last().map(|step| step.name), Some("test"));
    }

    #[test]
    fn summary_ends_with_the_total() {
        let text = summary(&[("fmt", Duration::from_millis(1500)), ("test", Duration::from_secs(2))]);
        assert_eq!(
            text,
            "== summary\nfmt                1.5 s\ntest               2.0 s\ntotal              3.5 s\n"
        );
    }
}
