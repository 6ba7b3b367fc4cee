//! Work that one replica does, and another one when that is gone.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use async_trait::async_trait;
use catalog_core::backoff::Backoff;
use futures_util::future::join_all;
use tokio::{
    sync::watch,
    task::{JoinError, JoinSet},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    Component, State,
    elector::{
        Elector, ElectorConfig, ElectorConfigError, ElectorError, ElectorStatus, LeaderGuard, WorkError,
    },
    fence::FenceStore,
    lease::{LeaseName, LeaseStore},
};

/// Work that goes on for as long as its process leads.
#[async_trait]
pub trait SingletonTask: Send + Sync + 'static {
    /// What it is called in logs.
    fn name(&self) -> &'static str;

    /// Works until the guard is cancelled; whatever it writes, it writes in transactions that the guard has
    /// [fenced](catalog_core::store::hook::Fence).
    ///
    /// # Errors
    /// Whatever it fails with. It is then begun anew after a while, by the same leader.
    async fn run(&self, guard: &LeaderGuard) -> Result<(), WorkError>;
}

/// The singleton tasks of a process, each under a lease. Tasks of different leases may run on different replicas, so that their load
/// spreads.
pub struct SingletonTasks<L, F> {
    leases: L,
    fences: F,
    identity: String,
    config: ElectorConfig,
    groups: Vec<Group<L, F>>,
}

/// What is done under one lease.
struct Group<L, F> {
    name: LeaseName,
    elector: Elector<L, F>,
    tasks: Vec<Arc<dyn SingletonTask>>,
}

/// After a failure a task waits as long as this says.
const BACKOFF: Backoff = Backoff { first: Duration::from_secs(1), max: Duration::from_mins(1) };

impl<L: LeaseStore + Clone, F: FenceStore + Clone> SingletonTasks<L, F> {
    /// None yet. The stores are shared by all leases; `identity` is who this process is, for people to read.
    ///
    /// # Errors
    /// [`ElectorConfigError`] when the times do not fit each other.
    pub fn new(
        leases: L,
        fences: F,
        identity: &str,
        config: ElectorConfig,
    ) -> Result<Self, ElectorConfigError> {
        config.validate()?;
        Ok(Self { leases, fences, identity: identity.to_owned(), config, groups: Vec::new() })
    }

    /// With one task more, under the lease of that name.
    ///
    /// # Errors
    /// [`ElectorConfigError`], as [`new`](Self::new) has found.
    pub fn with_task(
        mut self,
        lease: &LeaseName,
        task: impl SingletonTask,
    ) -> Result<Self, ElectorConfigError> {
        let task: Arc<dyn SingletonTask> = Arc::new(task);
        if let Some(group) = self.groups.iter_mut().find(|group| group.name == *lease) {
            group.tasks.push(task);
            return Ok(self);
        }
        let (leases, fences) = (self.leases.clone(), self.fences.clone());
        let elector = Elector::new(lease.clone(), leases, fences, &self.identity, self.config)?;
        self.groups.push(Group { name: lease.clone(), elector, tasks: vec![task] });
        Ok(self)
    }

    /// How the elections stand, to be asked while they run.
    pub fn leadership(&self) -> Leadership {
        let statuses = self.groups.iter().map(|group| (group.name.clone(), group.elector.status()));
        Leadership { statuses: statuses.collect() }
    }

    /// Campaigns for every lease, and runs the tasks of those that it holds, until `stop` is cancelled.
    ///
    /// A task that fails is begun anew after a while. One that panics gives its lease up, with the other tasks under it.
    ///
    /// # Errors
    /// [`WorkDidNotEnd`](ElectorError::WorkDidNotEnd) when a task did not end in time after `stop` was cancelled.
    pub async fn run(&self, stop: &CancellationToken) -> Result<(), ElectorError> {
        let grace = self.config.grace();
        let running = self.groups.iter().map(|group| {
            let tasks = &group.tasks;
            group.elector.run(stop, move |guard| term(tasks.clone(), guard, grace))
        });
        join_all(running).await.into_iter().collect()
    }
}

/// Runs the tasks of one lease for one term.
async fn term(
    tasks: Vec<Arc<dyn SingletonTask>>,
    guard: LeaderGuard,
    grace: Duration,
) -> Result<(), WorkError> {
    let mut running = JoinSet::new();
    for task in tasks {
        running.spawn(supervise(task, guard.clone()));
    }
    while let Some(ended) = running.join_next().await {
        if let Err(error) = ended {
            guard.cancel();
            if timeout(grace, join_rest(&mut running)).await.is_err() {
                running.abort_all();
                join_rest(&mut running).await;
            }
            return panicked(error);
        }
    }
    guard.cancelled().await;
    Ok(())
}

async fn join_rest(running: &mut JoinSet<()>) {
    while running.join_next().await.is_some() {}
}

/// The elector tells a panic from a failure.
fn panicked(error: JoinError) -> Result<(), WorkError> {
    match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(error) => Err(error.into()),
    }
}

/// Begins a task anew when it has failed, for as long as the term lasts.
async fn supervise(task: Arc<dyn SingletonTask>, guard: LeaderGuard) {
    let mut failures = 0_u32;
    loop {
        match task.run(&guard).await {
            Ok(()) => return,
            Err(error) => {
                failures = failures.saturating_add(1);
                let error = &*error as &dyn std::error::Error;
                tracing::error!(task = task.name(), lease = %guard.lease(), failures, error, "a singleton task has failed");
            }
        }
        if !unless_cancelled(&guard, sleep(BACKOFF.after(failures))).await {
            return;
        }
    }
}

/// Whether it was done before the guard was cancelled.
async fn unless_cancelled(guard: &LeaderGuard, done: impl Future<Output = ()>) -> bool {
    tokio::select! {
        biased;
        () = guard.cancelled() => false,
        () = done => true,
    }
}

/// How the elections of a process stand. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Leadership {
    statuses: Vec<(LeaseName, watch::Receiver<ElectorStatus>)>,
}

impl Leadership {
    /// With those of other leases of the process.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.statuses.extend(others.statuses);
        self
    }

    /// By lease.
    pub fn statuses(&self) -> Vec<(LeaseName, ElectorStatus)> {
        self.statuses.iter().map(|(name, status)| (name.clone(), status.borrow().clone())).collect()
    }

    /// As the component `leader` of readiness, with a part for each lease. It is degraded at worst: requests are served by those who lead
    /// nothing, too.
    pub fn component(&self) -> Component {
        let whole = self.statuses.iter().fold(Component::ok(), |whole, (name, status)| {
            whole.with_part(name.to_string(), status.borrow().component())
        });
        let broken = whole.details.values().filter(|part| part.status != State::Ok).count();
        if broken == 0 {
            return whole;
        }
        let detail = format!("{broken} of {} leases have a problem", whole.details.len());
        Component { status: State::Degraded, detail: Some(detail), ..whole }
    }
}

impl<L, F> fmt::Debug for SingletonTasks<L, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tasks = self
            .groups
            .iter()
            .map(|group| (&group.name, group.tasks.iter().map(|task| task.name()).collect::<Vec<_>>()));
        f.debug_map().entries(tasks).finish()
    }
}
