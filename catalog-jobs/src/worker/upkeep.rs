//! What goes on beside the attempts: signs of life, claims taken away from who gives none, figures, news of other processes.

use std::time::Duration;

use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, Interval, MissedTickBehavior, interval},
};

use super::{held::Held, metrics};
use crate::{
    name::QueueName,
    store::{ClaimStore, JobStore, UpkeepStore},
};

/// Signs of life are given at least so often, since they bring the wish to cancel.
const BEAT: Duration = Duration::from_secs(2);
/// So many claims are taken away at once.
const REAP: usize = 500;
/// How often the depth of the queue is measured.
const MEASURE: Duration = Duration::from_secs(15);
/// How long to wait before other processes are listened to again.
const PAUSE: Duration = Duration::from_secs(5);

/// Tasks, each of its own: none waits for what another asks of the database.
pub(super) struct Upkeep(JoinSet<()>);

impl Upkeep {
    /// Of the claims of a worker of that queue.
    pub(super) fn start<S: JobStore + Clone>(store: &S, held: &Held, queue: &QueueName) -> Self {
        let mut tasks = keep(store, held, queue);
        tasks.spawn(listen(store.clone()));
        Self(tasks)
    }

    /// Breaks them off, and waits until that is done.
    pub(super) async fn end(mut self) {
        self.0.shutdown().await;
    }
}

fn keep<S: ClaimStore + UpkeepStore + Clone>(store: &S, held: &Held, queue: &QueueName) -> JoinSet<()> {
    let (beaten, heard) = watch::channel(Instant::now());
    let lease = held.lease();
    let mut tasks = JoinSet::new();
    tasks.spawn(beat(store.clone(), held.clone(), lease, beaten));
    tasks.spawn(take_away(store.clone(), lease, heard));
    if metrics::MEASURED {
        tasks.spawn(measure(store.clone(), queue.clone()));
    }
    tasks
}

fn every(span: Duration) -> Interval {
    let mut interval = interval(span);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

/// Gives signs of life, and tells when they last got through.
async fn beat<S: ClaimStore>(store: S, held: Held, lease: Duration, beaten: watch::Sender<Instant>) {
    let mut beats = every((lease / 3).min(BEAT));
    loop {
        beats.tick().await;
        let now = Instant::now();
        if held.beat(&store).await {
            beaten.send_replace(now);
        }
    }
}

/// Takes claims away from those who give no signs of life. Whose own do not get through takes none: what keeps them back, a writer
/// that has the whole database, may keep back everybody's.
async fn take_away<S: ClaimStore>(store: S, lease: Duration, beaten: watch::Receiver<Instant>) {
    let mut reaps = every(lease / 3);
    loop {
        reaps.tick().await;
        let last = *beaten.borrow();
        if last.elapsed() <= lease / 2 {
            reap(&store).await;
        }
    }
}

async fn reap<S: ClaimStore>(store: &S) {
    loop {
        match store.reap_any_tenant(REAP).await {
            Ok(reaped) => {
                metrics::reaped(reaped);
                if reaped.total() < REAP {
                    return;
                }
            }
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "claims of lost workers cannot be taken away");
                return;
            }
        }
    }
}

async fn measure<S: UpkeepStore>(store: S, queue: QueueName) {
    let mut measures = every(MEASURE);
    loop {
        measures.tick().await;
        if let Ok(depth) = store.depth_any_tenant(&queue).await {
            metrics::depth(&queue, depth);
        }
    }
}

/// Hears what other processes enqueue.
async fn listen<S: JobStore>(store: S) {
    while let Err(error) = store.listen().await {
        {
            let error: &dyn std::error::Error = &error;
            tracing::debug!(error, "jobs of other processes are not told of, and found by looking");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::{claim::Claim, worker::faulty::Faulty};

    #[tokio::test(start_paused = true)]
    async fn signs_of_life_wait_for_nothing_else() {
        let (store, held) = (Faulty::still(), Held::new(Duration::from_secs(30)));
        let claim = Claim { id: uuid::Uuid::nil(), namespace: "a".parse().unwrap(), token: 1 };
        let tools = held.insert(claim, Instant::now());
        let mut tasks = keep(&store, &held, &QueueName::default());
        tokio::time::sleep(Duration::from_mins(2)).await;
        assert!(!tools.stop.is_cancelled());
        assert!(store.renewals.load(Ordering::SeqCst) >= 60);
        assert_eq!(store.reaps.load(Ordering::SeqCst), 1, "it stands still");
        tasks.shutdown().await;
    }

    #[tokio::test(start_paused = true)]
    async fn who_cannot_renew_takes_nothing_away() {
        let (store, held) = (Faulty::busy(), Held::new(Duration::from_secs(30)));
        let claim = Claim { id: uuid::Uuid::nil(), namespace: "a".parse().unwrap(), token: 1 };
        held.insert(claim, Instant::now());
        let mut tasks = keep(&store, &held, &QueueName::default());
        // when nothing is held any more, there is nothing to spare
        tokio::time::sleep(Duration::from_secs(29)).await;
        assert_eq!(store.reaps.load(Ordering::SeqCst), 2, "at the beginning nothing is known");
        tasks.shutdown().await;
    }
}
