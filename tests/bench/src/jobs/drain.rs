use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{
    Plan,
    contender::{Contender, Mode},
};
use crate::AnyError;

/// A worker that has not done what it was given by then is slower than what can be measured.
const MOST: Duration = Duration::from_secs(20);

/// Jobs a second, from the start of the workers until the end of every job is written.
#[expect(clippy::cast_precision_loss, reason = "a number of jobs")]
pub(super) async fn rates(
    queue: &dyn Contender,
    plan: &Plan,
    mode: Mode,
    workers: usize,
) -> Result<Vec<f64>, AnyError> {
    let mut rates = Vec::new();
    for _ in 0..plan.rounds {
        let mut left = plan.jobs;
        while left > 0 {
            let batch = left.min(1_000);
            queue.enqueue(batch).await?;
            left -= batch;
        }
        let (leave, runs) = (CancellationToken::new(), Arc::new(AtomicUsize::new(0)));
        let mut running = Vec::new();
        let begun = Instant::now();
        for _ in 0..workers {
            let runs = Arc::clone(&runs);
            let count = Arc::new(move || {
                runs.fetch_add(1, Ordering::Relaxed);
            });
            running.push(queue.start(mode, count, &leave).await?);
        }
        while begun.elapsed() < MOST && (runs.load(Ordering::Relaxed) < plan.jobs || queue.is_busy().await?) {
            tokio::time::sleep(queue.glance()).await;
        }
        let done = runs.load(Ordering::Relaxed).min(plan.jobs);
        rates.push(done as f64 / begun.elapsed().as_secs_f64());
        leave.cancel();
        for worker in running {
            worker.await?;
        }
        let runs = runs.load(Ordering::Relaxed);
        if runs > plan.jobs {
            eprintln!("bench: {runs} runs of {} jobs", plan.jobs);
        }
        queue.empty().await?;
    }
    Ok(rates)
}

const SAMPLES: usize = 300;

/// How long a job waits when nothing else is to be done: the median, and what one in a hundred waits longer. The worker is of another
/// pool than who enqueues, as one of another process would be.
pub(super) async fn latency(queue: &dyn Contender) -> Result<(Duration, Duration), AnyError> {
    let leave = CancellationToken::new();
    let (tell, mut told) = mpsc::unbounded_channel();
    let told_of = Arc::new(move || {
        let _ = tell.send(Instant::now());
    });
    let worker = queue.start(Mode::Default, told_of, &leave).await?;
    let mut waits = Vec::new();
    tokio::time::sleep(Duration::from_millis(500)).await;
    for _ in 0..SAMPLES {
        tokio::time::sleep(Duration::from_millis(25)).await;
        let begun = Instant::now();
        queue.enqueue(1).await?;
        waits.push(told.recv().await.ok_or("the worker is gone")?.saturating_duration_since(begun));
    }
    leave.cancel();
    worker.await?;
    queue.empty().await?;
    waits.sort_unstable();
    let at = |part: usize| waits.get(waits.len() * part / 100).copied().unwrap_or_default();
    Ok((at(50), at(99)))
}
