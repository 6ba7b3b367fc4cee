//! What a handler is given.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use catalog_core::{
    name::{Namespace, PluginName, SourceId},
    store::StoreError,
};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::held::Tools;
use crate::{
    claim::{Claim, Claimed},
    error::JobError,
    lease::Lease,
    new_job::MAX_PAYLOAD,
    record::Progress,
    store::CompleteStore,
};

/// One attempt at a job, as its handler gets it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Attempt<J> {
    /// What is to be done.
    pub job: J,
    /// All that is around it.
    pub context: JobContext,
}

/// What is around an attempt. Cheap to clone.
#[derive(Clone, Debug)]
pub struct JobContext {
    claimed: Arc<Claimed>,
    canceled: CancellationToken,
    signals: Arc<Signals>,
    lease: Lease,
}

/// What the handler tells the worker.
#[derive(Debug, Default)]
pub(super) struct Signals {
    progress: Mutex<Option<Progress>>,
    completed: AtomicBool,
}

/// What is told of a progress at most, in letters.
const MAX_MESSAGE: usize = 512;

impl JobContext {
    pub(super) fn new(claimed: Arc<Claimed>, tools: &Tools) -> Self {
        let Tools { stop, signals, lease, .. } = tools.clone();
        Self { claimed, canceled: stop, signals, lease }
    }

    /// The right to this attempt. Its token tells it from every other attempt at the job, for systems that can compare tokens.
    pub fn claim(&self) -> &Claim {
        &self.claimed.claim
    }

    /// The tenant.
    pub fn namespace(&self) -> &Namespace {
        &self.claimed.claim.namespace
    }

    /// The plugin that the job is for.
    pub fn plugin(&self) -> Option<&PluginName> {
        self.claimed.plugin.as_ref()
    }

    /// The source that the job is for.
    pub fn source(&self) -> Option<&SourceId> {
        self.claimed.source.as_ref()
    }

    /// Who asked for the job.
    pub fn requested_by(&self) -> Option<&str> {
        self.claimed.requested_by.as_deref()
    }

    /// Which attempt this is; 1 is the first.
    pub fn attempt(&self) -> u32 {
        self.claimed.attempt
    }

    /// How many there may be.
    pub fn max_attempts(&self) -> u32 {
        self.claimed.max_attempts
    }

    /// Is canceled when the attempt is to be given up: somebody wants the job no more, the worker leaves, or the claim is lost. What
    /// goes on nevertheless is broken off before long.
    pub fn cancellation(&self) -> &CancellationToken {
        &self.canceled
    }

    /// Tells how far the job is. Only the latest is kept, and written with the next sign of life.
    pub fn progress(&self, done: u64, total: Option<u64>, message: Option<&str>) {
        let message = message
            .map(|message| message.chars().filter(|letter| !letter.is_control()).take(MAX_MESSAGE).collect());
        let mut progress = self.signals.progress.lock().unwrap_or_else(PoisonError::into_inner);
        *progress = Some(Progress { done, total, message });
    }

    /// The guard that makes a transaction fail when this claim is lost, for stores that take one. It renews the claim, too: checked
    /// again before the commit, it leaves the lease as if it had begun then.
    pub fn fence<S: CompleteStore>(&self, store: &S) -> S::Fence {
        store.renewing_fence(&self.claimed.claim, &self.lease)
    }

    /// Ends the attempt well, in the transaction of its effect: both happen or neither does. What the handler returns after the commit
    /// changes nothing; without a commit, or before it, the attempt ends as the handler returns.
    ///
    /// # Errors
    /// By kind: `Fenced` when the claim is lost, `Internal` when the result cannot be written; the transaction must not be committed
    /// then. Those of the store.
    pub async fn complete_in<S: CompleteStore, R: Serialize>(
        &self,
        store: &S,
        transaction: &mut S::Transaction,
        result: &R,
    ) -> Result<(), StoreError> {
        let result = written(result)
            .map_err(|error| StoreError::new(catalog_core::store::StoreErrorKind::Internal, error))?;
        let signals = Arc::clone(&self.signals);
        let done = Box::new(move || signals.completed.store(true, Ordering::Release));
        store.complete_within(transaction, &self.claimed.claim, result, done).await
    }
}

impl Signals {
    pub(super) fn take_progress(&self) -> Option<Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Puts back what could not be written, unless there is something newer.
    pub(super) fn put_back(&self, progress: Option<Progress>) {
        let mut current = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        if current.is_none() {
            *current = progress;
        }
    }

    pub(super) fn is_completed(&self) -> bool {
        self.completed.load(Ordering::Acquire)
    }
}

/// What a handler gave, as it is kept; nothing where it gave nothing.
pub(super) fn written<R: Serialize>(result: &R) -> Result<Option<String>, JobError> {
    let text = serde_json::to_string(result);
    let text = text.map_err(|error| JobError::permanent("the result is no JSON").with_source(error))?;
    if text.len() > MAX_PAYLOAD {
        let error = format!("the result has {} bytes and may have {MAX_PAYLOAD}", text.len());
        return Err(JobError::permanent(error));
    }
    // what is too deep, say, would keep every list with the job from being shown
    if let Err(error) = serde_json::from_str::<serde_json::Value>(&text) {
        return Err(JobError::permanent("the result is JSON that nobody can read").with_source(error));
    }
    Ok(Some(text).filter(|text| text != "null"))
}
