//! What one replica does for the sources of all.

use std::time::Duration;

use async_trait::async_trait;
use catalog_core::{
    identity::Identity,
    store::{AssetStore, SourceStore, StoreError, StoreErrorKind, database::Transaction, hook::Fence},
};
use catalog_ha::elector::LeaderGuard;
use catalog_jobs::{RefreshSource, store::EnqueueStore};
use tokio::time::Instant;

use super::{
    LoadError, Loader, NAME,
    reconcile::Task,
    target::{Seen, Target},
};
use crate::progress::Left;

/// Sees to the configured sources, of whatever stores they are.
#[async_trait]
pub(crate) trait Keeper: Send + Sync + 'static {
    /// Makes the sources be as configured and has them read, whenever a replica begins, for as long as its configuration is in force.
    async fn keep(&self, lease: &Lease);

    /// Waits until this replica's configuration is in force: as soon as it was told, and again when nobody sees to the one that took
    /// its place.
    async fn in_force(&self);

    /// Waits until another one is.
    async fn displaced(&self);
}

/// What the sources are seen to under: a lease, or nothing where a process is alone.
#[derive(Clone, Debug)]
pub(crate) struct Lease(pub(crate) Option<LeaderGuard>);

impl Fence<Transaction> for Lease {
    async fn check(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        match &self.0 {
            Some(guard) => guard.check(transaction).await,
            None => Ok(()),
        }
    }
}

/// What is left to do.
#[derive(Debug, Default)]
struct Work {
    /// The rollout that it is of.
    asked: u64,
    tasks: Vec<Task>,
    left: Left,
    failures: u32,
    retry_at: Option<Instant>,
    noted_at: Option<Instant>,
    /// Those that have not been read.
    targets: Vec<Target>,
}

/// How often to look while something is being read, and else.
const BUSY: Duration = Duration::from_millis(100);
const IDLE: Duration = Duration::from_secs(1);
/// How long to wait before a tenant that has as many jobs as it may have is given another.
const CROWDED: Duration = Duration::from_millis(300);
/// How often who leads shows that somebody sees to the configuration in force, and after how long without that another may be.
const BEAT: Duration = Duration::from_secs(5);
const GONE: Duration = Duration::from_secs(30);

#[async_trait]
impl<A, S> Keeper for Loader<A, S>
where
    A: AssetStore<Transaction = Transaction> + Clone,
    S: SourceStore + Clone,
{
    async fn keep(&self, lease: &Lease) {
        let own = self.told().await;
        let (mut work, mut failures) = (Work::default(), 0);
        loop {
            let wait = match self.look(&own, &mut work, lease).await {
                Ok(wait) => {
                    failures = 0;
                    wait
                }
                Err(error) => {
                    failures += 1;
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "the configured sources cannot be seen to and will be tried again"
                    );
                    self.backoff.after(failures)
                }
            };
            tokio::time::sleep(wait).await;
        }
    }

    async fn in_force(&self) {
        let own = self.told().await;
        let mut seen = (0, Instant::now());
        loop {
            match self.rollouts.read().await {
                Ok(rollout) if rollout.fingerprint == own => return,
                Ok(rollout) if rollout.beat != seen.0 => seen = (rollout.beat, Instant::now()),
                Ok(_) if seen.1.elapsed() > GONE => {
                    tracing::info!(
                        "nobody has the sources file that was rolled out last: this replica's is in force again"
                    );
                    if self.rollouts.tell(&own).await.is_ok() {
                        return;
                    }
                }
                // a database that does not answer is told of elsewhere
                Ok(_) | Err(_) => {}
            }
            tokio::time::sleep(IDLE).await;
        }
    }

    async fn displaced(&self) {
        let own = self.told().await;
        while !self.rollouts.read().await.is_ok_and(|rollout| rollout.fingerprint != own) {
            tokio::time::sleep(IDLE).await;
        }
        tracing::info!("a replica with another sources file was started: this one leaves the sources to it");
    }
}

impl<A, S> Loader<A, S>
where
    A: AssetStore<Transaction = Transaction> + Clone,
    S: SourceStore + Clone,
{
    /// Does what there is to do, and gives how long to wait until looking again.
    async fn look(&self, own: &str, work: &mut Work, lease: &Lease) -> Result<Duration, LoadError> {
        let rollout = self.rollouts.read().await?;
        if rollout.fingerprint != own {
            return Ok(IDLE);
        }
        if work.asked < rollout.asked {
            // what another has made so before stays as people may have changed it since, until a replica begins
            let is_done = rollout.done >= rollout.asked && rollout.left.count() == 0;
            let tasks = if is_done { Vec::new() } else { self.plan().await? };
            let targets = self.targets().await?;
            *work = Work { asked: rollout.asked, tasks, targets, ..Work::default() };
        }
        let due = |at: Option<Instant>| at.is_none_or(|at| at <= Instant::now());
        if !work.tasks.is_empty() && due(work.retry_at) {
            (work.tasks, work.left) = self.round(std::mem::take(&mut work.tasks), lease).await;
            work.failures += 1;
            work.retry_at = Some(Instant::now() + self.backoff.after(work.failures));
            work.noted_at = None;
        }
        // who is alone has nobody to show it to
        let is_silent = |at: Instant| lease.0.is_some() && at.elapsed() >= BEAT;
        if work.noted_at.is_none_or(is_silent) {
            self.rollouts.note(own, work.asked, &work.left).await?;
            work.noted_at = Some(Instant::now());
        }
        self.ask_for_all(work, lease).await
    }

    /// Asks for what has not been read, and forgets what has.
    async fn ask_for_all(&self, work: &mut Work, lease: &Lease) -> Result<Duration, LoadError> {
        let (mut left, mut wait) = (Vec::new(), IDLE);
        let mut targets = std::mem::take(&mut work.targets).into_iter();
        while let Some(mut target) = targets.next() {
            match self.ask_for(&mut target, lease).await {
                Ok(Seen::Waiting) => {
                    wait = BUSY;
                    left.push(target);
                }
                Ok(Seen::Failed) => left.push(target),
                Ok(Seen::Absent) if !work.tasks.is_empty() => left.push(target),
                Ok(Seen::Absent | Seen::Off | Seen::Read) => {}
                Err(error) => {
                    work.targets = left.into_iter().chain([target]).chain(targets).collect();
                    return Err(error);
                }
            }
        }
        work.targets = left;
        Ok(wait)
    }

    async fn ask_for(&self, target: &mut Target, lease: &Lease) -> Result<Seen, LoadError> {
        let seen = self.see(target).await?;
        if !matches!(seen, Seen::Waiting | Seen::Failed) || !target.may_ask() {
            return Ok(seen);
        }
        let Some(namespace) = target.scope.single() else { return Ok(Seen::Off) };
        let job = RefreshSource::job(namespace, &target.key.plugin, &target.key.id)
            .and_then(|job| job.with_max_attempts(self.queue.max_attempts))
            .map_err(|error| StoreError::new(StoreErrorKind::Internal, error))?;
        let job = job.in_queue(self.queue.name.clone()).requested_by(&Identity::system(NAME).user);
        let mut transaction = self.queue.store.database().begin_within(&target.scope).await?;
        lease.check(&mut transaction).await?;
        let enqueued = match self.queue.store.enqueue_within(&mut transaction, &[job]).await {
            Ok(enqueued) => enqueued,
            // it is for whoever suspended the tenant to say when it may have jobs again
            Err(error) if error.kind() == StoreErrorKind::NotAdmitted => return Ok(Seen::Off),
            // another of its jobs must be done first
            Err(error) if error.kind() == StoreErrorKind::TooManyJobs => {
                target.ask_after(CROWDED);
                return Ok(seen);
            }
            Err(error) => return Err(error.into()),
        };
        if enqueued.iter().any(|enqueued| enqueued.is_new()) {
            // no other job of the source is live, so that whatever one has done is noted by now
            let again = self.see(target).await?;
            if again != seen {
                return Ok(again);
            }
            transaction.commit().await?;
        }
        Ok(seen)
    }

    async fn see(&self, target: &mut Target) -> Result<Seen, LoadError> {
        let source = self.sources.find(&target.scope, &target.key).await?;
        Ok(target.look(&self.refresher, self.backoff, source.as_ref()).await)
    }
}
