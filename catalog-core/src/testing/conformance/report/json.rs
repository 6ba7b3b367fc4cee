use serde_json::{Value, json};

use super::{Check, Report};

pub(super) fn json(report: &Report) -> Value {
    json!({
        "plugin": report.plugin,
        "target": report.target,
        "started": report.started,
        "durationMs": milliseconds(report.duration),
        "conformant": report.is_conformant(),
        "passed": report.count("passed"),
        "failed": report.count("failed"),
        "skipped": report.count("skipped"),
        "checks": report.checks.iter().map(check).collect::<Vec<_>>(),
    })
}

fn check(check: &Check) -> Value {
    json!({
        "category": check.category.as_str(),
        "name": check.name,
        "outcome": check.outcome.as_str(),
        "messages": check.outcome.messages(),
        "durationMs": milliseconds(check.duration),
    })
}

fn milliseconds(duration: std::time::Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
