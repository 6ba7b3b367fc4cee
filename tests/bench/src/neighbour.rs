//! Q10: what one tenant notices of another that asks ten times as often as it may.

use std::time::Duration;

use crate::{
    AnyError,
    bench::{LIST, Plan, Server},
    load,
    table::{Goal, Line, median},
};

/// What the other may, a second; the server is started so.
pub(crate) const LIMIT: u32 = 100;
/// Connections of the quiet tenant.
const QUIET: usize = 2;
/// Requests a second of each of them: well below what the server can.
const PACE: u32 = 100;

pub(crate) async fn measure(plan: &Plan, name: &str, url: &str) -> Result<(), AnyError> {
    let server = Server::start(url, &["--limit-t1"]).await?;
    let (quiet, other) = (server.target(LIST), server.target(&LIST.replace("t0", "t1")));
    let time = Duration::from_secs_f64(plan.seconds * 2.0);
    let (mut alone, mut beside, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let mut last = load::Paced::default();
    for _ in 0..plan.rounds {
        let before = load::paced(&quiet, QUIET, PACE, time).await?;
        let (during, noise) =
            tokio::join!(load::paced(&quiet, QUIET, PACE, time), load::paced(&other, 10, LIMIT, time));
        let (during, noise) = (during?, noise?);
        let microseconds = |outcome: &load::Paced| outcome.p95.as_secs_f64() * 1e6;
        alone.push(microseconds(&before));
        beside.push(microseconds(&during));
        ratios.push(microseconds(&during) / microseconds(&before));
        last = load::Paced { refused: noise.refused, ..during };
    }
    let refused = last.refused * 100.0;
    let line = Line {
        id: "Q10",
        what: format!("{name}: p95 beside 10 x a limit ({refused:.0} % refused) / alone"),
        baseline: median(&alone),
        ours: median(&beside),
        unit: "us",
        ratios,
        goal: Goal::AtMost(1.2),
        p50: last.p50,
        p99: last.p99,
    };
    println!("{line}");
    Ok(())
}
