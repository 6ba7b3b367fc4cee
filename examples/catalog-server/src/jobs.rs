//! The queue of refreshes, and the worker that does them.

use std::{sync::Arc, time::Duration};

use catalog_audit::{AuditRecorder, store::SqlAuditStore};
use catalog_core::{
    refresh::Refresher,
    registry::Registry,
    source::{Source, SourceState, SourceStatus},
    store::{
        AssetStore, Attribution, SourceKey, SourceStore, StoreError, StoreErrorKind,
        database::{Database, Transaction},
        hook::{Admission, Enqueue, JobRequest},
    },
    tenant::TenantSelector,
};
use catalog_jobs::{
    Attempt, JobError, QueueName, RefreshSource, Worker, WorkerConfig,
    schedule::SourceSchedules,
    store::{CompleteStore, SqlJobStore},
};
use futures_util::future::BoxFuture;
use tower::service_fn;

use crate::{AnyError, config::Config, loader::MANAGERS, operator};

/// Says whether this replica's configuration is in force: another may lack the files that a source is read from, or have older ones.
pub(crate) type InForce = Arc<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>;

/// In so long another replica may have a job that this one is not to do.
const ELSEWHERE: Duration = Duration::from_millis(200);

/// On whose account refreshes change assets.
const REFRESH: Attribution = Attribution::system("refresh");

/// Jobs in the database; what callers do to them is recorded.
pub(crate) type Store = SqlJobStore<AuditRecorder<SqlAuditStore>>;

/// The queue, in the database.
#[derive(Clone, Debug)]
pub(crate) struct Queue {
    pub(crate) store: Store,
    pub(crate) name: QueueName,
    pub(crate) max_attempts: u32,
    config: WorkerConfig,
}

impl Queue {
    /// As the configuration says.
    pub(crate) fn new(
        config: &Config,
        database: &Database,
        recorder: AuditRecorder<SqlAuditStore>,
        admission: Arc<dyn Admission<Transaction>>,
    ) -> Result<Self, AnyError> {
        let store = SqlJobStore::new(database.clone(), recorder).with_admission(admission);
        let mut how = WorkerConfig {
            concurrency: usize::try_from(config.job.concurrency)?,
            lease_seconds: config.job.lease_seconds,
            timeout_seconds: config.job.timeout_seconds,
            drain_seconds: config.shutdown.grace_seconds,
            ..WorkerConfig::default()
        };
        how.limits.per_tenant = config.job.per_tenant;
        how.limits.per_key = config.job.per_plugin;
        how.validate()?;
        Self::of(store, config.job.max_attempts, how)
    }

    /// In that store, worked off so.
    pub(crate) fn of(store: Store, max_attempts: u32, config: WorkerConfig) -> Result<Self, AnyError> {
        Ok(Self { store, name: "refresh".parse()?, max_attempts, config })
    }

    /// What puts the refresh of a source that has changed, and its schedule, into the change's own transaction.
    pub(crate) fn enqueue(&self) -> SourceSchedules<Store> {
        SourceSchedules::new(self.store.clone(), self.name.clone(), self.max_attempts)
    }

    /// The same for who asks for the refreshes himself, when all sources are there: one that is being read holds up changes of others.
    pub(crate) fn schedules(&self) -> SchedulesOnly {
        SchedulesOnly(self.enqueue())
    }

    /// The worker of this replica.
    pub(crate) fn worker<A, S>(
        &self,
        replica: &str,
        registry: &Registry,
        sources: &S,
        refresher: &Refresher<A, S>,
        in_force: InForce,
    ) -> Result<Worker<Store>, AnyError>
    where
        A: AssetStore<Transaction = Transaction> + Clone,
        S: SourceStore + Clone,
    {
        let (registry, sources, refresher) = (registry.clone(), sources.clone(), refresher.clone());
        let store = self.store.clone();
        let work = service_fn(move |attempt: Attempt<RefreshSource>| {
            let (registry, sources) = (registry.clone(), sources.clone());
            let (refresher, store, in_force) = (refresher.clone(), store.clone(), Arc::clone(&in_force));
            async move { refresh(&registry, &sources, &refresher, &store, &in_force, attempt).await }
        });
        let worker = Worker::new(self.store.clone(), self.name.clone(), replica);
        Ok(worker.with_config(self.config.clone())?.with_handler::<RefreshSource, _>(work)?)
    }
}

/// Keeps the schedules of sources, and enqueues no refresh of those that change.
#[derive(Clone, Debug)]
pub(crate) struct SchedulesOnly(SourceSchedules<Store>);

impl Enqueue<Transaction> for SchedulesOnly {
    async fn enqueue(&self, transaction: &mut Transaction, job: &JobRequest<'_>) -> Result<(), StoreError> {
        match job {
            JobRequest::Refresh { .. } => Ok(()),
            job => self.0.enqueue(transaction, job).await,
        }
    }
}

/// Reads a source anew, under the fence of the attempt.
async fn refresh<A, S>(
    registry: &Registry,
    sources: &S,
    refresher: &Refresher<A, S>,
    store: &Store,
    in_force: &InForce,
    attempt: Attempt<RefreshSource>,
) -> Result<SourceStatus, JobError>
where
    A: AssetStore<Transaction = Transaction> + Clone,
    S: SourceStore + Clone,
    Store: CompleteStore<Transaction = Transaction>,
{
    let Attempt { job, context, .. } = attempt;
    let plugin = registry.plugins().iter().find(|plugin| *plugin.name() == job.plugin);
    let plugin = plugin.ok_or_else(|| JobError::permanent("this server has no such plugin"))?;
    let tenant = TenantSelector::One(context.namespace().clone());
    let scope =
        operator::scope("refresh", tenant).await.map_err(|error| JobError::permanent(error.to_string()))?;
    let key = SourceKey { plugin: job.plugin.clone(), id: job.source.clone() };
    let (fence, id) = (context.fence(store), context.claim().id);
    let (by, unwanted) = (&REFRESH, context.cancellation());
    let given_up = || JobError::transient("the refresh was given up");
    let mut source = enabled(sources.find(&scope, &key).await)?;
    if MANAGERS.contains(&source.spec.managed_by.as_deref().unwrap_or_default()) && !in_force().await {
        return Err(JobError::rate_limited(
            ELSEWHERE,
            "a replica whose configuration is in force is to read it",
        ));
    }
    let status = loop {
        if unwanted.is_cancelled() {
            return Err(given_up());
        }
        context.progress(0, None, Some("reading the source"));
        let read = refresher.refresh_as(id, &scope, by, plugin.definition(), &source, &fence);
        let status = tokio::select! {
            biased;
            status = read => status.map_err(undone)?,
            // what it was writing is rolled back
            () = unwanted.cancelled() => return Err(given_up()),
        };
        // a change that came meanwhile has no job of its own, for this one was live
        let now = enabled(sources.find(&scope, &key).await)?;
        if now.tag() == source.tag() {
            break status;
        }
        source = now;
    };
    if status.state == SourceState::Error {
        return Err(JobError::transient(status.error.unwrap_or_else(|| "the source cannot be read".into())));
    }
    context.progress(status.entity_count, Some(status.entity_count), Some("stored"));
    Ok(status)
}

/// The source, if it is there and to be read.
fn enabled(found: Result<Option<Source>, StoreError>) -> Result<Source, JobError> {
    let source = found.map_err(undone)?.ok_or_else(|| JobError::permanent("the source was removed"))?;
    if source.spec.enabled { Ok(source) } else { Err(JobError::permanent("the source is disabled")) }
}

/// What keeps a store from it may pass, unless it is the tenant's own matter.
fn undone(error: StoreError) -> JobError {
    let text = error.to_string();
    match error.kind() {
        StoreErrorKind::NotAdmitted | StoreErrorKind::QuotaExceeded => {
            JobError::permanent(text).with_source(error)
        }
        _ => JobError::transient(text).with_source(error),
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use catalog_core::{
        plugin::{DataPlugin, Plugin, builtin},
        provider::{Loaded, Provider, ProviderError},
        registry::RegistryConfig,
        schema::PluginDefinition,
        source::SourceSpec,
        store::{
            database::DatabaseOptions,
            hook::{Unaudited, Unqueued},
            sql::{SqlAssetStore, SqlSourceStore},
        },
    };
    use catalog_jobs::{
        Cancel, JobState,
        store::{EnqueueStore, RecordStore},
    };
    use tokio::sync::Semaphore;
    use tokio_util::sync::CancellationToken;

    use super::*;

    fn always() -> InForce {
        Arc::new(|| Box::pin(std::future::ready(true)))
    }

    /// Says that it was begun, and never ends.
    #[derive(Debug)]
    struct Hangs(Arc<Semaphore>);

    #[async_trait]
    impl Provider for Hangs {
        fn source_type(&self) -> &'static str {
            "hangs"
        }

        async fn load(&self, _: &PluginDefinition, _: &SourceSpec) -> Result<Loaded, ProviderError> {
            self.0.add_permits(1);
            std::future::pending().await
        }
    }

    #[tokio::test]
    async fn a_refresh_that_runs_is_given_up_when_it_is_canceled() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("catalog.db").display());
        let database = Database::sqlite(&url, DatabaseOptions::default()).await.unwrap();
        crate::database::migrator(&database).run().await.unwrap();
        let store =
            SqlJobStore::new(database.clone(), AuditRecorder::new(SqlAuditStore::new(database.clone())));
        let queue = Queue::of(store, 5, WorkerConfig::default()).unwrap();
        let plugin: Arc<dyn Plugin> = Arc::new(DataPlugin::new(builtin().unwrap().remove(0)));
        let name = plugin.definition().name.clone();
        let registry = Registry::new([plugin], RegistryConfig::default()).unwrap();
        let sources = SqlSourceStore::new(database.clone(), Unaudited, Unqueued);
        let begun = Arc::new(Semaphore::new(0));
        let refresher = Refresher::new(SqlAssetStore::new(database, Unaudited), sources.clone())
            .with_provider(Hangs(Arc::clone(&begun)));
        let tenant = TenantSelector::One("team-a".parse().unwrap());
        let scope = operator::scope("refresh", tenant).await.unwrap();
        let spec = serde_json::from_value(serde_json::json!({"id": "slow", "type": "hangs"})).unwrap();
        let source = sources.apply(&scope, &REFRESH, &name, &spec).await.unwrap();
        let leave = CancellationToken::new();
        let worker = queue.worker("test", &registry, &sources, &refresher, always()).unwrap();
        let working = tokio::spawn(worker.run(leave.clone()));
        let job = RefreshSource::job(&source.namespace, &name, &source.spec.id).unwrap();
        let id = queue.store.enqueue(&[job.in_queue(queue.name.clone())]).await.unwrap()[0].id();
        begun.acquire().await.unwrap().forget();
        let canceled = queue.store.cancel(&scope, &REFRESH, id, Duration::from_secs(30)).await.unwrap();
        assert_eq!(canceled, Some(Cancel::Requested));
        let soon = async {
            while !queue.store.find(&scope, id).await.unwrap().unwrap().state.is_final() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(15), soon).await.unwrap();
        assert_eq!(queue.store.find(&scope, id).await.unwrap().unwrap().state, JobState::Canceled);
        let key = SourceKey { plugin: name, id: source.spec.id.clone() };
        assert_eq!(sources.find(&scope, &key).await.unwrap().unwrap().status, source.status);
        leave.cancel();
        working.await.unwrap();
    }
}
