use std::time::Instant;

use catalog_core::store::hook::Unaudited;
use catalog_jobs::store::{EnqueueStore, SqlJobStore};

use super::{Plan, jobs, settle};
use crate::AnyError;

const TASKS: usize = 8;
const SINGLES: usize = 4_000;
const BATCHES: usize = 50;

/// Jobs a second, each in a transaction of its own.
#[expect(clippy::cast_precision_loss, reason = "a number of jobs")]
pub(super) async fn singles(store: &SqlJobStore<Unaudited>, plan: &Plan) -> Result<Vec<f64>, AnyError> {
    let mut rates = Vec::new();
    for _ in 0..plan.rounds {
        let tasks: Vec<Vec<_>> = (0..TASKS).map(|_| jobs(SINGLES / TASKS, 10)).collect::<Result<_, _>>()?;
        let begun = Instant::now();
        let tasks = tasks.into_iter().map(|jobs| {
            let store = store.clone();
            tokio::spawn(async move {
                for job in jobs {
                    store.enqueue(&[job]).await?;
                }
                Ok::<_, AnyError>(())
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await??;
        }
        rates.push(SINGLES as f64 / begun.elapsed().as_secs_f64());
        empty(store).await?;
    }
    Ok(rates)
}

/// Jobs a second, a thousand in a transaction.
#[expect(clippy::cast_precision_loss, reason = "a number of jobs")]
pub(super) async fn batches(store: &SqlJobStore<Unaudited>, plan: &Plan) -> Result<Vec<f64>, AnyError> {
    let mut rates = Vec::new();
    for _ in 0..plan.rounds {
        let all: Vec<Vec<_>> = (0..BATCHES).map(|_| jobs(1_000, 10)).collect::<Result<_, _>>()?;
        let begun = Instant::now();
        let mut tasks = Vec::new();
        for jobs in all.chunks(BATCHES / 2) {
            let (store, jobs) = (store.clone(), jobs.to_vec());
            tasks.push(tokio::spawn(async move {
                for batch in jobs {
                    store.enqueue(&batch).await?;
                }
                Ok::<_, AnyError>(())
            }));
        }
        for task in tasks {
            task.await??;
        }
        rates.push((BATCHES * 1_000) as f64 / begun.elapsed().as_secs_f64());
        empty(store).await?;
    }
    Ok(rates)
}

pub(super) async fn empty(store: &SqlJobStore<Unaudited>) -> Result<(), AnyError> {
    let mut transaction = store.database().begin().await?;
    transaction
        .execute_script("delete from catalog_jobs_live; delete from catalog_jobs_records where finished_ms is null or finished_ms > 1")
        .await?;
    transaction.commit().await?;
    settle(store).await
}
