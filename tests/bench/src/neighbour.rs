//! Q10: what one tenant notices of another that asks ten times as often as it may.

use std::time::Duration;

use crate::{
    AnyError,
    bench::{LIST, Plan, Server},
    load,
    table::median,
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
    let (mut alone, mut beside, mut ratios, mut refused) = (Vec::new(), Vec::new(), Vec::new(), 0.0);
    for _ in 0..plan.rounds {
        let before = load::paced(&quiet, QUIET, PACE, time).await?;
        let (during, noise) =
            tokio::join!(load::paced(&quiet, QUIET, PACE, time), load::paced(&other, 10, LIMIT, time),);
        let (during, noise) = (during?, noise?);
        let microseconds = |outcome: &load::Paced| outcome.p95.as_secs_f64() * 1e6;
        alone.push(microseconds(&before));
        beside.push(microseconds(&during));
        ratios.push(microseconds(&during) / microseconds(&before));
        refused = noise.refused;
    }
    let ratio = median(&ratios);
    let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    let most = ratios.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    println!(
        "Q10   {:58} {:>10.0} {:>11.0} {:9} {ratio:>5.2} ({least:.2}-{most:.2}) {} {:>8}   ({:.0} % of the noise refused)",
        format!("{name}: p95 beside a tenant at 10 x its limit / alone"),
        median(&alone),
        median(&beside),
        "us",
        if ratio <= 1.2 { ' ' } else { '!' },
        "<= 1.20",
        refused * 100.0,
    );
    Ok(())
}
