use std::time::{Duration, Instant};

use super::{
    Plan,
    replica::{GLANCE, Replica},
    show,
};
use crate::{AnyError, database::create};

/// A lease of the server's, and its times, which are those that `ElectorConfig` has by default.
const LEASE: &str = "catalog-audit";
const HELD: Duration = Duration::from_secs(15);
const RETRY: Duration = Duration::from_secs(2);

/// From the end of a leader until another leads, seen from outside.
pub(super) async fn measure(plan: &Plan, server: &str) -> Result<(), AnyError> {
    let (mut killed, mut orderly) = (Vec::new(), Vec::new());
    let url = create(server, "catalog_bench_lead").await?;
    for _ in 0..plan.rounds {
        killed.push(handed_over(plan, &url, "KILL").await?);
        orderly.push(handed_over(plan, &url, "TERM").await?);
    }
    let most = (HELD + RETRY.mul_f64(1.2)).as_secs_f64() * 1e3;
    show("PostgreSQL: takeover after SIGKILL", &killed, most);
    show("PostgreSQL: hand-over after SIGTERM, from its end", &orderly, 300.0);
    Ok(())
}

async fn handed_over(plan: &Plan, url: &str, signal: &str) -> Result<Duration, AnyError> {
    let mut leader = Replica::start(plan, url)?;
    leader.ready().await?;
    while !leader.leads(LEASE).await {
        tokio::time::sleep(GLANCE).await;
    }
    let mut standby = Replica::start(plan, url)?;
    standby.ready().await?;
    // until it has seen who leads
    tokio::time::sleep(RETRY).await;
    leader.signal(signal).await?;
    let mut ended = Instant::now();
    if signal == "TERM" {
        // it leads as long as it has something to finish
        while leader.leads(LEASE).await {
            ended = Instant::now();
            tokio::time::sleep(GLANCE).await;
        }
    }
    while !standby.leads(LEASE).await {
        tokio::time::sleep(GLANCE).await;
    }
    let took = ended.elapsed();
    leader.end().await?;
    standby.signal("TERM").await?;
    standby.end().await?;
    Ok(took)
}
