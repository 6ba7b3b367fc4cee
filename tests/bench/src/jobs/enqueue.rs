use std::{sync::Arc, time::Instant};

use tokio::task::JoinSet;

use super::{Plan, contender::Contender};
use crate::AnyError;

const TASKS: usize = 8;
const SINGLES: usize = 4_000;
const BATCHES: usize = 50;

/// Jobs a second, each in a transaction of its own.
pub(super) async fn singles(queue: &Arc<dyn Contender>, plan: &Plan) -> Result<Vec<f64>, AnyError> {
    rates(queue, plan, TASKS, SINGLES / TASKS, 1).await
}

/// Jobs a second, a thousand in a transaction, by two tasks.
pub(super) async fn batches(queue: &Arc<dyn Contender>, plan: &Plan) -> Result<Vec<f64>, AnyError> {
    rates(queue, plan, 2, BATCHES / 2, 1_000).await
}

#[expect(clippy::cast_precision_loss, reason = "a number of jobs")]
async fn rates(
    queue: &Arc<dyn Contender>,
    plan: &Plan,
    tasks: usize,
    transactions: usize,
    jobs: usize,
) -> Result<Vec<f64>, AnyError> {
    let mut rates = Vec::new();
    for _ in 0..plan.rounds {
        let (begun, mut running) = (Instant::now(), JoinSet::new());
        for _ in 0..tasks {
            let queue = Arc::clone(queue);
            running.spawn(async move {
                for _ in 0..transactions {
                    queue.enqueue(jobs).await?;
                }
                Ok::<_, AnyError>(())
            });
        }
        while let Some(done) = running.join_next().await {
            done??;
        }
        rates.push((tasks * transactions * jobs) as f64 / begun.elapsed().as_secs_f64());
        queue.empty().await?;
    }
    Ok(rates)
}
