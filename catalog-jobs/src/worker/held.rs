//! The claims that a worker holds, and the signs of life that keep them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{context::Signals, metrics};
use crate::{
    claim::{Beat, Claim, Renewed},
    lease::Lease,
    store::ClaimStore,
};

/// Claims that are held. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Held {
    claims: Arc<Mutex<HashMap<(uuid::Uuid, i64), Entry>>>,
    lease: Lease,
}

#[derive(Clone, Debug)]
struct Entry {
    claim: Claim,
    tools: Tools,
    /// Until then the lease is certain.
    until: Instant,
    /// The claim is lost since then.
    lost: Option<Instant>,
}

/// What an attempt is told by.
#[derive(Clone, Debug, Default)]
pub(super) struct Tools {
    /// It is to be given up.
    pub(super) stop: CancellationToken,
    /// It is broken off.
    pub(super) kill: CancellationToken,
    /// Somebody wants the job no more.
    pub(super) unwanted: CancellationToken,
    pub(super) signals: Arc<Signals>,
    pub(super) lease: Lease,
}

impl Tools {
    fn want_no_more(&self) {
        self.unwanted.cancel();
        self.stop.cancel();
    }
}

/// So long an attempt whose claim is lost may go on by itself: it can change nothing here, but it holds what others need.
const LAST: Duration = Duration::from_secs(5);
/// So many claims are renewed in one statement.
const BATCH: usize = 1_000;

impl Held {
    /// Claims that are for so long.
    pub(super) fn new(lease: Duration) -> Self {
        Self { claims: Arc::default(), lease: Lease::new(lease) }
    }

    /// Holds a claim that was taken at `since`.
    pub(super) fn insert(&self, claim: Claim, since: Instant) -> Tools {
        let tools = Tools { lease: self.lease.clone(), ..Tools::default() };
        let key = (claim.id, claim.token);
        let until = since + self.lease.span();
        let entry = Entry { claim, tools: tools.clone(), until, lost: None };
        self.lock().insert(key, entry);
        tools
    }

    pub(super) fn remove(&self, claim: &Claim) {
        self.lock().remove(&(claim.id, claim.token));
    }

    /// How long a renewed claim is for.
    pub(super) fn lease(&self) -> Duration {
        self.lease.span()
    }

    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    /// Asks all attempts to give up.
    pub(super) fn stop_all(&self) {
        self.lock().values().for_each(|entry| entry.tools.stop.cancel());
    }

    /// Breaks all attempts off.
    pub(super) fn kill_all(&self) {
        self.lock().values().for_each(|entry| entry.tools.kill.cancel());
    }

    #[cfg(test)]
    pub(super) fn note_unwanted(&self, claim: &Claim) {
        self.lock().get(&(claim.id, claim.token)).iter().for_each(|entry| entry.tools.want_no_more());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(uuid::Uuid, i64), Entry>> {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a sign of life for every claim, and tells the attempts what came of it; gives whether all got through.
    pub(super) async fn beat<S: ClaimStore>(&self, store: &S) -> bool {
        let mut through = true;
        let lease = self.lease.span();
        // looked at before, too: it may end when the renewal has failed for it
        let mut is_writing = self.lease.is_writing();
        let entries: Vec<Entry> =
            self.lock().values().filter(|entry| entry.lost.is_none()).cloned().collect();
        for entries in entries.chunks(BATCH) {
            let beat = |entry: &Entry| Beat {
                claim: entry.claim.clone(),
                progress: entry.tools.signals.take_progress(),
            };
            let beats: Vec<Beat> = entries.iter().map(beat).collect();
            let since = Instant::now();
            match store.renew(&beats, lease).await {
                Ok(renewed) => {
                    for (entry, renewed) in entries.iter().zip(renewed) {
                        self.note(entry, renewed, since + lease);
                    }
                }
                Err(error) => {
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(error, claims = entries.len(), "leases are not renewed");
                    through = false;
                    for (entry, beat) in entries.iter().zip(beats) {
                        entry.tools.signals.put_back(beat.progress);
                    }
                }
            }
        }
        is_writing |= self.lease.is_writing();
        self.give_up(is_writing);
        through
    }

    fn note(&self, entry: &Entry, renewed: Renewed, until: Instant) {
        match renewed {
            Renewed::Held => {}
            Renewed::CancelRequested => entry.tools.want_no_more(),
            // what completed itself a moment ago is no claim any more, and not lost
            Renewed::Lost if entry.tools.signals.is_completed() => {}
            Renewed::Lost => return self.lose(&entry.claim),
        }
        if let Some(entry) = self.lock().get_mut(&(entry.claim.id, entry.claim.token)) {
            entry.until = until;
        }
    }

    /// Notes, once, that a claim is lost.
    pub(super) fn lose(&self, claim: &Claim) {
        if let Some(entry) =
            self.lock().get_mut(&(claim.id, claim.token)).filter(|entry| entry.lost.is_none())
        {
            entry.lost = Some(Instant::now());
            entry.tools.stop.cancel();
            metrics::lease_lost();
            tracing::warn!(job = %claim.id, namespace = %claim.namespace, "the claim is lost");
        }
    }

    /// Of claims that could not be renewed in time nothing is certain, unless it was an attempt here that had the only writer: then
    /// nobody took them away either. Attempts that were told so long ago are broken off.
    fn give_up(&self, is_writing: bool) {
        let now = Instant::now();
        let over: Vec<Claim> = self
            .lock()
            .values()
            .filter(|entry| {
                !is_writing
                    && entry.lost.is_none()
                    && entry.until <= now
                    && !entry.tools.signals.is_completed()
            })
            .map(|entry| entry.claim.clone())
            .collect();
        for claim in &over {
            self.lose(claim);
        }
        for entry in self.lock().values() {
            if entry.lost.is_some_and(|lost| lost + LAST <= now) {
                entry.tools.kill.cancel();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::faulty::Faulty;

    #[tokio::test(start_paused = true)]
    async fn no_claim_is_given_up_while_an_attempt_has_the_only_writer() {
        let held = Held::new(Duration::from_secs(30));
        let claim = |id| Claim { id, namespace: "a".parse().unwrap(), token: 1 };
        let [writes, reads] = [1, 2].map(|id| held.insert(claim(uuid::Uuid::from_u128(id)), Instant::now()));
        let writing = writes.lease.writing();
        tokio::time::advance(Duration::from_mins(5)).await;
        held.beat(&Faulty::busy()).await;
        assert!(!writes.stop.is_cancelled() && !reads.stop.is_cancelled());
        drop(writing);
        held.beat(&Faulty::busy()).await;
        assert!(writes.stop.is_cancelled() && reads.stop.is_cancelled());
    }
}
