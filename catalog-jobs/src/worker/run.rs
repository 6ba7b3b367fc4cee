//! The loop of a worker: it claims, begins, keeps alive, and leaves.

use std::{sync::Arc, time::Duration};

use catalog_core::store::StoreError;
use futures_util::future::OptionFuture;
use tokio::{
    sync::{mpsc, watch},
    task::{JoinError, JoinHandle, JoinSet},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    Worker,
    attempt::{attempt, random},
    buffer::{Buffer, Waiting},
    completer,
    held::Held,
    metrics,
    upkeep::Upkeep,
};
use crate::{
    allot::Rotation,
    claim::{ClaimBatch, ClaimRequest, Outcome, Settlement},
    store::JobStore,
};

/// While there is room for less than a quarter of what could be claimed, and nothing waits to be begun, claims are so far apart.
const COOLDOWN: Duration = Duration::from_millis(2);
/// So many are claimed at once: while they are done the next ones are claimed.
const CLAIM: usize = 1_000;
/// How long to wait for a database that does not answer, at most.
const MAX_PAUSE: Duration = Duration::from_secs(5);
/// How long attempts that were asked to give up have for it, when the worker leaves; so long at least what has ended is written.
const LAST: Duration = Duration::from_secs(1);
/// So many ended attempts may wait to be written.
const ENDED: usize = 10_000;

/// How what was not begun ends.
const RELEASED: Outcome = Outcome::Released { after: Duration::ZERO };

/// A task of its own: to read what was claimed takes a while, in which what is there is begun.
type Claiming = JoinHandle<(Result<ClaimBatch, StoreError>, Rotation, Instant)>;

struct Run<S> {
    worker: Worker<S>,
    held: Held,
    buffer: Buffer,
    attempts: JoinSet<()>,
    ended: mpsc::Sender<Settlement>,
    rotation: Option<Rotation>,
    /// Whether looking for jobs may be worth while.
    hopeful: bool,
    /// When to look in any case.
    look_at: Instant,
    last_claim: Instant,
    failures: u32,
}

pub(super) async fn run<S: JobStore + Clone>(worker: Worker<S>, leave: CancellationToken) {
    let (ended, endings) = mpsc::channel(ENDED);
    let held = Held::new(worker.config.lease());
    let mut completer = tokio::spawn(completer::run(worker.store.clone(), held.clone(), endings));
    let upkeep = Upkeep::start(&worker.store, &held, &worker.queue);
    let last = worker.config.drain().max(LAST);
    let mut run = Run::new(worker, held.clone(), ended);
    run.work(&leave).await;
    run.drain().await;
    // the completer ends when nobody can send to it any more, and has written what it was sent
    drop(run);
    if tokio::time::timeout(last, &mut completer).await.is_err() {
        tracing::warn!(attempts = held.len(), "ended attempts are not written; their leases will run out");
        completer.abort();
    }
    upkeep.end().await;
}

impl<S: JobStore + Clone> Run<S> {
    fn new(worker: Worker<S>, held: Held, ended: mpsc::Sender<Settlement>) -> Self {
        let prefetch = if worker.config.limits.is_unlimited() { worker.config.prefetch } else { 0 };
        let now = Instant::now();
        Self {
            held,
            buffer: Buffer::new(prefetch),
            attempts: JoinSet::new(),
            ended,
            // where each worker begins is another place
            rotation: Some(Rotation::starting_after(format!("{:016x}", random()))),
            hopeful: true,
            look_at: now,
            last_claim: now,
            failures: 0,
            worker,
        }
    }

    async fn work(&mut self, leave: &CancellationToken) {
        let mut woken = self.worker.store.wakes().of(&self.worker.queue);
        let mut claiming: Option<Claiming> = None;
        loop {
            self.begin();
            if claiming.is_none() {
                self.buffer.measure();
                claiming = self.should_claim().then(|| self.claim()).flatten();
            }
            let look_at = self.next_look().filter(|_| claiming.is_none());
            let patient_until = self.buffer.patient_until();
            tokio::select! {
                biased;
                () = leave.cancelled() => break,
                Some(done) = OptionFuture::from(claiming.as_mut()) => {
                    claiming = None;
                    self.note(done);
                }
                Some(_) = self.attempts.join_next() => {
                    self.buffer.note_done();
                    while self.attempts.try_join_next().is_some() {
                        self.buffer.note_done();
                    }
                }
                changed = woken.changed() => match changed {
                    Ok(()) => self.hopeful = true,
                    // the store is gone with all its clones, which cannot be
                    Err(_) => woken = watch::channel(()).1,
                },
                () = until(look_at) => self.hopeful = true,
                () = until(patient_until) => {}
            }
        }
        // what was claimed meanwhile is given back
        if let Some(claiming) = claiming {
            let done = claiming.await;
            self.note(done);
        }
    }

    /// Begins as many as may run at once.
    fn begin(&mut self) {
        for waiting in self.buffer.give_back() {
            self.give_back(&waiting, RELEASED);
        }
        while self.attempts.len() < self.worker.config.concurrency {
            let Some(waiting) = self.buffer.pop() else { return };
            // while it waited it may have been canceled, or taken away
            if waiting.tools.stop.is_cancelled() {
                let unwanted = waiting.tools.unwanted.is_cancelled();
                self.give_back(&waiting, if unwanted { Outcome::Canceled } else { RELEASED });
                continue;
            }
            let Waiting { claimed, tools, .. } = waiting;
            let handler = self.worker.handlers.get(&claimed.kind).cloned();
            let config = &self.worker.config;
            let (timeout, retry) = (config.timeout(), config.retry);
            let (ended, queue, held) = (self.ended.clone(), self.worker.queue.clone(), self.held.clone());
            metrics::started(&queue, &claimed);
            self.attempts.spawn(async move {
                let begun = Instant::now();
                let done = attempt(Arc::clone(&claimed), handler, tools, timeout, retry).await;
                metrics::took(&queue, begun.elapsed());
                match done {
                    // who receives lives as long as there are attempts
                    Some(done) => drop(ended.send(done).await),
                    None => held.remove(&claimed.claim),
                }
            });
        }
    }

    /// How many could be claimed.
    fn wanted(&self) -> usize {
        let capacity = self.worker.config.concurrency + self.buffer.ahead();
        let taken = self.attempts.len() + self.buffer.len();
        // what has ended and cannot be written counts, too, so that it does not become more and more
        let unwritten = self.held.len().saturating_sub(taken);
        if unwritten > ENDED / 2 { 0 } else { capacity.saturating_sub(taken) }
    }

    /// When to see whether to claim, if nothing else happens before.
    fn next_look(&self) -> Option<Instant> {
        if self.wanted() == 0 {
            // what has ended is not written as fast as it ends, and nothing else tells when it is
            let free = self.attempts.len() < self.worker.config.concurrency;
            return free.then(|| Instant::now() + COOLDOWN);
        }
        if !self.hopeful {
            return Some(self.look_at);
        }
        // attempts that end make room for what waits to be begun
        (self.buffer.len() == 0).then(|| self.last_claim + COOLDOWN)
    }

    fn should_claim(&self) -> bool {
        let wanted = self.wanted();
        let many = wanted * 4 >= self.worker.config.concurrency + self.buffer.ahead();
        let rested = self.last_claim + COOLDOWN <= Instant::now();
        self.hopeful && wanted > 0 && (many || (self.buffer.len() == 0 && rested))
    }

    fn claim(&mut self) -> Option<Claiming> {
        let mut rotation = self.rotation.take()?;
        let worker = &self.worker;
        let request = ClaimRequest::new(
            worker.queue.clone(),
            worker.name.clone(),
            self.wanted().min(CLAIM),
            worker.config.lease(),
        )
        .with_limits(worker.config.limits.clone());
        let store = worker.store.clone();
        // what is enqueued from now on is told again
        self.hopeful = false;
        self.last_claim = Instant::now();
        Some(tokio::spawn(async move {
            let since = Instant::now();
            let batch = store.claim_any_tenant(&request, &mut rotation).await;
            (batch, rotation, since)
        }))
    }

    fn note(&mut self, done: Result<(Result<ClaimBatch, StoreError>, Rotation, Instant), JoinError>) {
        let (batch, rotation, since) = match done.map_err(JoinError::try_into_panic) {
            Ok(done) => done,
            Err(Ok(panic)) => std::panic::resume_unwind(panic),
            // the runtime ends
            Err(Err(_)) => return,
        };
        self.rotation = Some(rotation);
        let poll = self.worker.config.poll();
        match batch {
            Ok(batch) => {
                self.failures = 0;
                self.hopeful |= batch.more;
                let jitter =
                    Duration::from_millis(random() % (u64::from(self.worker.config.poll_ms) / 4).max(1));
                let next = batch.next_due.map_or(poll + jitter, |due| due.min(poll + jitter));
                self.look_at = Instant::now() + next;
                metrics::claimed(&self.worker.queue, batch.claimed.len());
                for claimed in batch.claimed {
                    let tools = self.held.insert(claimed.claim.clone(), since);
                    self.buffer.push(Arc::new(claimed), tools);
                }
            }
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, queue = %self.worker.queue, "jobs cannot be claimed");
                self.failures = self.failures.saturating_add(1);
                self.look_at = Instant::now() + (poll * self.failures).min(MAX_PAUSE);
            }
        }
    }

    /// Ends so what was not begun.
    fn give_back(&self, waiting: &Waiting, outcome: Outcome) {
        let claim = waiting.claimed.claim.clone();
        let given = Settlement { claim, outcome, progress: None };
        if let Err(mpsc::error::TrySendError::Full(given)) = self.ended.try_send(given) {
            // nobody can write now, so the lease is left to run out
            self.held.remove(&given.claim);
        }
    }

    async fn drain(&mut self) {
        for waiting in self.buffer.drain() {
            self.give_back(&waiting, RELEASED);
        }
        let by_themselves = self.finish_within(self.worker.config.drain()).await;
        if !by_themselves {
            self.held.stop_all();
            if !self.finish_within(LAST).await {
                self.held.kill_all();
            }
        }
        while self.attempts.join_next().await.is_some() {}
    }

    async fn finish_within(&mut self, span: Duration) -> bool {
        let all = async { while self.attempts.join_next().await.is_some() {} };
        tokio::time::timeout(span, all).await.is_ok()
    }
}

/// Waits until then, or for ever.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use catalog_core::store::hook::Unaudited;

    use super::*;
    use crate::{
        claim::ClaimRequest,
        store::{ClaimStore, EnqueueStore, MemoryJobStore},
        testing::{LEASE, say},
    };

    #[tokio::test(start_paused = true)]
    async fn what_is_unwanted_or_lost_before_it_began_does_not_begin() {
        let (store, queue) = (MemoryJobStore::new(Unaudited), crate::QueueName::default());
        store.enqueue(&["unwanted", "lost", "waits"].map(|text| say("a", text))).await.unwrap();
        let request = ClaimRequest::new(queue.clone(), "test", 3, LEASE);
        let batch = store.claim_any_tenant(&request, &mut Rotation::default()).await.unwrap();
        let (ended, mut endings) = mpsc::channel(ENDED);
        let mut run = Run::new(Worker::new(store, queue, "test"), Held::new(LEASE), ended);
        let claims: Vec<_> = batch.claimed.iter().map(|claimed| claimed.claim.clone()).collect();
        let [unwanted, lost, waits] = claims.as_slice() else { unreachable!("three were claimed") };
        run.note(Ok((Ok(batch), Rotation::default(), Instant::now())));
        run.held.note_unwanted(unwanted);
        run.held.lose(lost);
        run.begin();
        assert_eq!((run.buffer.len(), run.attempts.len()), (0, 1));
        run.attempts.join_next().await;
        let mut outcome = async || endings.recv().await.map(|ended| (ended.claim, ended.outcome));
        assert_eq!(outcome().await, Some((unwanted.clone(), Outcome::Canceled)));
        assert_eq!(outcome().await, Some((lost.clone(), RELEASED)));
        // nobody here can do it
        let Some((claim, Outcome::Released { after })) = outcome().await else { unreachable!("it began") };
        assert!(claim == *waits && after > Duration::ZERO);
    }
}
