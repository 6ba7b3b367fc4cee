//! What one replica does for all: the one that holds the lease for it.

use std::sync::Arc;

use async_trait::async_trait;
use catalog_core::{
    store::{
        database::{Database, Transaction},
        hook::{Fence, Unfenced},
        statement::Dialect,
    },
    tenant::{TenantScope, TenantSelector},
};
use catalog_ha::{
    elector::{ElectorConfig, ElectorError, LeaderGuard, WorkError},
    fence::{DatabaseFenceStore, FenceStore},
    lease::{DatabaseLeaseStore, KubernetesLeaseStore, LeaseStore},
    singleton::{Leadership, SingletonTask, SingletonTasks},
};
use catalog_jobs::{Retention, RetentionTask, schedule::Scheduler};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    AnyError,
    audit::Trail,
    cluster::Cluster,
    config::{Config, LeaderElection},
    jobs::{Queue, Store},
    loader::{Keeper, Lease},
    operator,
};

/// What is to be done by one replica.
#[derive(Clone)]
pub(crate) struct Upkeep {
    trail: Trail,
    jobs: Store,
    sources: Arc<dyn Keeper>,
    /// Of all tenants.
    all: TenantScope,
    /// For how long jobs are kept.
    kept: Retention,
    /// For so many days events are kept.
    days: u32,
}

/// The work under way, and how the elections for it stand, where there are any.
pub(crate) struct Leading {
    pub(crate) leadership: Option<Leadership>,
    working: JoinHandle<Result<(), ElectorError>>,
    stop: CancellationToken,
}

impl Upkeep {
    /// Of that record, that queue and those sources.
    pub(crate) async fn new(
        config: &Config,
        trail: &Trail,
        queue: &Queue,
        sources: impl Keeper,
    ) -> Result<Self, AnyError> {
        let all = operator::scope("upkeep", TenantSelector::All).await?;
        let (trail, jobs) = (trail.clone(), queue.store.clone());
        let hours = |days: u32| days.saturating_mul(24);
        let kept = Retention {
            succeeded_hours: hours(config.job.retention_succeeded_days),
            failed_hours: hours(config.job.retention_failed_days),
            canceled_hours: hours(config.job.retention_canceled_days),
        };
        Ok(Self { trail, jobs, kept, sources: Arc::new(sources), all, days: config.audit.retention_days })
    }

    /// Begins. With replicas, the one that has the lease works; a process that is alone on its database needs none.
    pub(crate) async fn begin(
        self,
        config: &Config,
        cluster: &Cluster,
        database: &Database,
        replica: &str,
    ) -> Result<Leading, AnyError> {
        let stop = CancellationToken::new();
        let election = match (config.leader.election, database.dialect()) {
            (LeaderElection::Kubernetes, _) => LeaderElection::Kubernetes,
            (_, Dialect::Sqlite) => LeaderElection::Off,
            (election, Dialect::Postgres) => election,
        };
        if election == LeaderElection::Off {
            let stopped = stop.clone();
            let working = tokio::spawn(async move {
                let schedules = Scheduler::new(self.jobs.clone());
                let all = async {
                    tokio::join!(
                        self.keep_events(&Unfenced),
                        self.keep_jobs(),
                        self.sources.keep(&Lease(None)),
                        schedules.run(stopped.child_token())
                    )
                };
                tokio::select! {
                    () = stopped.cancelled() => {}
                    _ = all => {}
                }
                Ok(())
            });
            return Ok(Leading { leadership: None, working, stop });
        }
        let fences = DatabaseFenceStore::open(database.clone()).await?;
        if election == LeaderElection::Kubernetes {
            let client = cluster.client("leader.election").await?;
            let namespace = client.default_namespace().to_owned();
            return self.elect(KubernetesLeaseStore::new(client, &namespace), fences, replica, stop);
        }
        self.elect(DatabaseLeaseStore::new(database.clone()), fences, replica, stop)
    }

    fn elect<L, F>(
        self,
        leases: L,
        fences: F,
        replica: &str,
        stop: CancellationToken,
    ) -> Result<Leading, AnyError>
    where
        L: LeaseStore + Clone,
        F: FenceStore + Clone,
    {
        let sources = KeepSources(Arc::clone(&self.sources));
        let loading = SingletonTasks::new(leases.clone(), fences.clone(), replica, ElectorConfig::default())?
            .with_task(&"catalog-sources".parse()?, sources)?;
        // of several leases, so that replicas share the work
        let keeper = Arc::clone(&self.sources);
        let tasks = SingletonTasks::new(leases, fences, replica, ElectorConfig::default())?
            .with_task(&"catalog-audit".parse()?, KeepEvents(self.clone()))?
            .with_task(&"catalog-jobs".parse()?, Schedule(self.jobs.clone()))?
            .with_task(&"catalog-jobs".parse()?, KeepJobs(self))?;
        let (leadership, stopped) = (tasks.leadership().and(loading.leadership()), stop.clone());
        let working = tokio::spawn(async move {
            let (kept, loaded) = tokio::join!(tasks.run(&stopped), load(&loading, &*keeper, &stopped));
            kept.and(loaded)
        });
        Ok(Leading { leadership: Some(leadership), working, stop })
    }

    async fn keep_events(&self, fence: &impl Fence<Transaction>) {
        self.trail.keep(&self.all, self.days, fence).await;
    }

    async fn keep_jobs(&self) {
        RetentionTask::new(self.jobs.clone(), self.kept).run().await;
    }
}

/// Campaigns for the sources while this replica's configuration of them is in force, so that of replicas with several the last one that
/// was rolled out has them.
async fn load<L, F>(
    tasks: &SingletonTasks<L, F>,
    sources: &dyn Keeper,
    stop: &CancellationToken,
) -> Result<(), ElectorError>
where
    L: LeaseStore + Clone,
    F: FenceStore + Clone,
{
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = sources.in_force() => {}
        }
        let candidacy = stop.child_token();
        let standing = async {
            tokio::select! {
                () = candidacy.cancelled() => {}
                () = sources.displaced() => candidacy.cancel(),
            }
        };
        // the lease is given up before another campaign may begin
        let (ended, ()) = tokio::join!(tasks.run(&candidacy), standing);
        ended?;
    }
}

impl Leading {
    /// Ends the work, and then gives the leases up, so that another replica goes on at once.
    pub(crate) async fn end(self) {
        self.stop.cancel();
        match self.working.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "a lease is left to end by itself");
            }
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "what one replica does for all has panicked");
            }
        }
    }
}

/// Seals, removes and sends audit events.
struct KeepEvents(Upkeep);

#[async_trait]
impl SingletonTask for KeepEvents {
    fn name(&self) -> &'static str {
        "audit"
    }

    async fn run(&self, guard: &LeaderGuard) -> Result<(), WorkError> {
        tokio::select! {
            () = guard.cancelled() => {}
            () = self.0.keep_events(guard) => {}
        }
        Ok(())
    }
}

/// Makes the sources be as configured, and has them read.
struct KeepSources(Arc<dyn Keeper>);

#[async_trait]
impl SingletonTask for KeepSources {
    fn name(&self) -> &'static str {
        "sources"
    }

    async fn run(&self, guard: &LeaderGuard) -> Result<(), WorkError> {
        let lease = Lease(Some(guard.clone()));
        tokio::select! {
            () = guard.cancelled() => {}
            () = self.0.keep(&lease) => {}
        }
        Ok(())
    }
}

/// Removes old jobs.
struct KeepJobs(Upkeep);

#[async_trait]
impl SingletonTask for KeepJobs {
    fn name(&self) -> &'static str {
        "jobs"
    }

    async fn run(&self, guard: &LeaderGuard) -> Result<(), WorkError> {
        tokio::select! {
            () = guard.cancelled() => {}
            () = self.0.keep_jobs() => {}
        }
        Ok(())
    }
}

/// Enqueues the jobs of schedules when they are due.
struct Schedule(Store);

#[async_trait]
impl SingletonTask for Schedule {
    fn name(&self) -> &'static str {
        "schedules"
    }

    async fn run(&self, guard: &LeaderGuard) -> Result<(), WorkError> {
        // each time is taken by one scheduler whoever leads, so that nothing needs a fence
        Scheduler::new(self.0.clone()).run(guard.cancellation()).await;
        Ok(())
    }
}
