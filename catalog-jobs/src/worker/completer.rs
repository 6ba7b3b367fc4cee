//! Ends attempts in groups: one transaction for all that ended within a few milliseconds.

use std::time::Duration;

use catalog_core::store::{StoreError, StoreErrorKind};
use tokio::{sync::mpsc, task::JoinSet};

use super::{held::Held, metrics};
use crate::{claim::Settlement, store::ClaimStore};

/// So many are ended at once.
const MOST: usize = 1_000;
/// So many groups are written at the same time: one is prepared while another is flushed.
const AT_ONCE: usize = 2;
/// So long the first of a group waits for others.
const LINGER: Duration = Duration::from_millis(2);
/// How long to wait before what failed is tried again, at first and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(2));

/// Ends what comes in until nobody sends any more.
pub(super) async fn run<S: ClaimStore + Clone>(store: S, held: Held, mut ended: mpsc::Receiver<Settlement>) {
    let (mut group, mut writing) = (Vec::with_capacity(MOST), JoinSet::new());
    while ended.recv_many(&mut group, MOST).await > 0 {
        if group.len() < MOST {
            tokio::time::sleep(LINGER).await;
            while group.len() < MOST
                && let Ok(another) = ended.try_recv()
            {
                group.push(another);
            }
        }
        if writing.len() == AT_ONCE {
            writing.join_next().await;
        }
        let (store, held) = (store.clone(), held.clone());
        let group = std::mem::replace(&mut group, Vec::with_capacity(MOST));
        writing.spawn(async move {
            settle(&store, &held, &group).await;
            for ended in &group {
                held.remove(&ended.claim);
            }
        });
    }
    while writing.join_next().await.is_some() {}
}

async fn settle<S: ClaimStore>(store: &S, held: &Held, group: &[Settlement]) {
    let mut pause = PAUSE.0;
    loop {
        match store.settle(group).await {
            Ok(were_held) => return note(held, group, &were_held),
            // one of them may be what the database cannot take
            Err(error) if error.kind() == StoreErrorKind::Internal => {
                for ended in group {
                    match store.settle(std::slice::from_ref(ended)).await {
                        Ok(were_held) => note(held, std::slice::from_ref(ended), &were_held),
                        Err(error) => give_up(ended, &error),
                    }
                }
                return;
            }
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, attempts = group.len(), "ended attempts are not written yet");
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE.1);
    }
}

fn note(held: &Held, group: &[Settlement], were_held: &[bool]) {
    for (ended, was_held) in group.iter().zip(were_held) {
        if *was_held {
            metrics::ended(&ended.outcome);
        } else {
            // the attempt may have been told already
            held.lose(&ended.claim);
        }
    }
}

fn give_up(ended: &Settlement, error: &StoreError) {
    let error: &dyn std::error::Error = error;
    tracing::error!(error, job = %ended.claim.id, "the end of an attempt cannot be written; the lease will run out");
}
