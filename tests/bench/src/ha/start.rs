use std::time::Duration;

use super::{
    Plan,
    replica::{Replica, sqlite as file},
    show,
};
use crate::{AnyError, database::create};

/// So many start at once.
const REPLICAS: usize = 8;

/// From the start of the process until it is ready, alone on SQLite.
pub(super) async fn sqlite(plan: &Plan) -> Result<(), AnyError> {
    let (mut empty, mut again) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        let folder = tempfile::tempdir()?;
        for times in [&mut empty, &mut again] {
            let mut replica = Replica::start(plan, &file(folder.path()))?;
            times.push(replica.ready().await?);
            replica.signal("TERM").await?;
            replica.end().await?;
        }
    }
    show("SQLite: cold start to ready, nothing there", &empty, 300.0);
    show("SQLite: cold start to ready, on its data", &again, 300.0);
    Ok(())
}

/// From the start of the first until all are ready.
pub(super) async fn postgres(plan: &Plan, server: &str) -> Result<(), AnyError> {
    let (mut empty, mut migrated) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        let url = create(server, "catalog_bench_ha").await?;
        empty.push(all_ready(plan, &url).await?);
        migrated.push(all_ready(plan, &url).await?);
    }
    show("PostgreSQL: 8 replicas ready, nothing there", &empty, 3_000.0);
    show("PostgreSQL: 8 replicas ready, migrated", &migrated, 1_000.0);
    Ok(())
}

async fn all_ready(plan: &Plan, url: &str) -> Result<Duration, AnyError> {
    let mut replicas = (0..REPLICAS).map(|_| Replica::start(plan, url)).collect::<Result<Vec<_>, _>>()?;
    let begun = replicas.first().ok_or("no replica")?.begun;
    for replica in &mut replicas {
        replica.ready().await?;
    }
    Ok(begun.elapsed())
}
