//! Checks plugins of a running catalog by their HTTP contract: `cargo xtask conformance --url http://127.0.0.1:8080 --plugin mcp`.
//!
//! Exit codes: 0 when every plugin is conformant, 1 when one is not, 2 when it was called wrongly.

mod arguments;

use std::{
    fs,
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

use bytes::Bytes;
use catalog_core::testing::conformance::{Category, Conformance, HttpTarget, Report, Target};
use http::{Request, StatusCode, Uri};
use serde_json::json;

use self::arguments::{Arguments, Call, USAGE};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(Call::Help) => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Ok(Call::List) => {
            for (category, name) in Conformance::checks() {
                println!("{category:12}  {name}");
            }
            return ExitCode::SUCCESS;
        }
        Ok(Call::Run(arguments)) => arguments,
        Err(error) => return misused(&error),
    };
    let target = match HttpTarget::new(&arguments.url) {
        Ok(target) => target,
        Err(error) => return misused(&error.to_string()),
    };
    if !is_ready(&target, arguments.wait).await {
        eprintln!("error: {} is not ready", target.name());
        return ExitCode::FAILURE;
    }
    let mut reports = Vec::new();
    for plugin in &arguments.plugins {
        let report = arguments.suite(plugin).run(&target).await;
        println!("{report}");
        reports.push(report);
    }
    if let Err(error) = write(&arguments, &reports) {
        eprintln!("error: {error}");
        return ExitCode::FAILURE;
    }
    let good = |report: &Report| report.is_conformant() && !(arguments.strict && is_partial(report));
    if reports.iter().all(good) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Whether something was skipped that could have been checked with more data or credentials.
fn is_partial(report: &Report) -> bool {
    let optional = |category| matches!(category, Category::Audit | Category::Jobs | Category::Openapi);
    report.skipped().any(|check| !optional(check.category))
}

/// Whether the catalog is ready, or becomes so in that time. Without a time nobody asks.
async fn is_ready(target: &HttpTarget, wait: Duration) -> bool {
    let end = Instant::now() + wait;
    while Instant::now() < end {
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = Uri::from_static("/readyz");
        if target.send(request).await.is_ok_and(|response| response.status() == StatusCode::OK) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    wait.is_zero()
}

fn misused(error: &str) -> ExitCode {
    eprintln!("error: {error}\n\n{USAGE}");
    ExitCode::from(2)
}

/// Writes the reports where they are wanted; that of one plugin stands alone, those of several in a list.
fn write(arguments: &Arguments, reports: &[Report]) -> Result<(), String> {
    let write = |path: &Path, text: String| {
        fs::write(path, text).map_err(|error| format!("`{}` cannot be written: {error}", path.display()))
    };
    if let Some(path) = &arguments.json {
        let all: Vec<_> = reports.iter().map(Report::to_json).collect();
        let json = if let [one] = all.as_slice() { one.clone() } else { json!(all) };
        write(path, format!("{json:#}\n"))?;
    }
    for (index, report) in reports.iter().enumerate() {
        let Some(path) = &arguments.junit else { break };
        // a JUnit file has one root, so each further plugin gets a file of its own
        let path =
            if index == 0 { path.clone() } else { path.with_extension(format!("{}.xml", report.plugin)) };
        write(&path, report.to_junit())?;
    }
    Ok(())
}
