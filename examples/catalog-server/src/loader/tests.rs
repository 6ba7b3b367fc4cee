use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use catalog_audit::{AuditRecorder, store::SqlAuditStore};
use catalog_core::{
    plugin::{DataPlugin, Plugin, builtin},
    registry::RegistryConfig,
    source::{Source, SourceState, SourceStatus},
    store::{
        IfTag, SourceKey, SourceQuery, StoreErrorKind,
        database::{Database, DatabaseOptions},
        hook::Unaudited,
        sql::{SqlAssetStore, SqlSourceStore},
    },
    tenant::{TenantScope, TenantSelector},
};
use catalog_ha::State;
use catalog_jobs::{
    JobQuery, WorkerConfig,
    store::{RecordStore, SqlJobStore},
};
use tempfile::TempDir;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::*;
use crate::{
    jobs::SchedulesOnly,
    operator,
    sample::{self, SampleProvider},
};

type Kept = SqlSourceStore<Unaudited, SchedulesOnly>;
type Tested = Loader<SqlAssetStore<Unaudited>, Faulty>;

/// A store that refuses to write for one source, so many times.
#[derive(Clone, Debug)]
struct Faulty {
    inner: Kept,
    source: &'static str,
    faults: Arc<AtomicUsize>,
}

impl Faulty {
    fn check(&self, id: &str) -> Result<(), StoreError> {
        let spend = |faults: usize| faults.checked_sub(1);
        let faulty =
            id == self.source && self.faults.fetch_update(Ordering::SeqCst, Ordering::SeqCst, spend).is_ok();
        if faulty { Err(StoreErrorKind::Unavailable.into()) } else { Ok(()) }
    }
}

impl SourceStore for Faulty {
    async fn list(&self, scope: &TenantScope, query: &SourceQuery) -> Result<Vec<Source>, StoreError> {
        self.inner.list(scope, query).await
    }

    async fn find(&self, scope: &TenantScope, key: &SourceKey) -> Result<Option<Source>, StoreError> {
        self.inner.find(scope, key).await
    }

    async fn apply(
        &self,
        scope: &TenantScope,
        by: &Attribution,
        plugin: &PluginName,
        spec: &SourceSpec,
    ) -> Result<Source, StoreError> {
        self.check(spec.id.as_str())?;
        self.inner.apply(scope, by, plugin, spec).await
    }

    async fn remove(
        &self,
        scope: &TenantScope,
        by: &Attribution,
        key: &SourceKey,
        expected: &IfTag,
    ) -> Result<bool, StoreError> {
        self.check(key.id.as_str())?;
        self.inner.remove(scope, by, key, expected).await
    }

    async fn change(
        &self,
        scope: &TenantScope,
        by: &Attribution,
        key: &SourceKey,
        expected: &IfTag,
        change: impl FnOnce(&mut SourceSpec) + Send,
    ) -> Result<Option<Source>, StoreError> {
        self.check(key.id.as_str())?;
        self.inner.change(scope, by, key, expected, change).await
    }

    fn note_status(
        &self,
        scope: &TenantScope,
        key: &SourceKey,
        status: &SourceStatus,
    ) -> impl Future<Output = Result<(), StoreError>> + Send {
        self.inner.note_status(scope, key, status)
    }
}

/// A database, and the worker of it.
struct Fixture {
    database: Database,
    _folder: TempDir,
    faults: Arc<AtomicUsize>,
}

impl Fixture {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("catalog.db").display());
        let database = Database::sqlite(&url, DatabaseOptions::default()).await.unwrap();
        crate::database::migrator(&database).run().await.unwrap();
        Self { database, _folder: folder, faults: Arc::default() }
    }

    /// That of a replica that wants those sources.
    fn loader(&self, wanted: Vec<Wanted>) -> Tested {
        let plugins = builtin().unwrap().into_iter();
        let plugins = plugins.map(|definition| Arc::new(DataPlugin::new(definition)) as Arc<dyn Plugin>);
        let recorder = AuditRecorder::new(SqlAuditStore::new(self.database.clone()));
        let store = SqlJobStore::new(self.database.clone(), recorder);
        let queue = Queue::of(store, 5, WorkerConfig::default()).unwrap();
        let sources = Faulty {
            inner: SqlSourceStore::new(self.database.clone(), Unaudited, queue.schedules()),
            source: "sample-agents",
            faults: Arc::clone(&self.faults),
        };
        let assets = SqlAssetStore::new(self.database.clone(), Unaudited);
        let registry = Registry::new(plugins, RegistryConfig::default()).unwrap();
        let refresher = Refresher::new(assets, sources.clone()).with_provider(SampleProvider);
        let parts = (registry, sources, refresher, queue);
        let backoff = Backoff { first: Duration::from_millis(50), max: Duration::from_millis(50) };
        Loader { backoff, ..Loader::new(parts, &self.database, Progress::default(), wanted) }
    }
}

/// What goes on in a replica: it works, and sees to the sources.
fn replica(loader: &Tested) -> [AbortOnDropHandle<()>; 2] {
    let Loader { registry, sources, refresher, .. } = loader;
    let in_force = loader.in_force_check();
    let worker = loader.queue.worker("test", registry, sources, refresher, in_force).unwrap();
    let keeping = loader.clone();
    [
        AbortOnDropHandle::new(tokio::spawn(worker.run(CancellationToken::new()))),
        AbortOnDropHandle::new(tokio::spawn(async move { keeping.keep(&Lease(None)).await })),
    ]
}

async fn sources(loader: &Tested) -> Vec<Source> {
    loader.all(&operator::scope(NAME, TenantSelector::All).await.unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_store_that_refuses_one_source_keeps_no_other_from_being_loaded() {
    let fixture = Fixture::new().await;
    // of both teams, for good
    fixture.faults.store(usize::MAX, Ordering::SeqCst);
    let loader = fixture.loader(sample::wanted().unwrap());
    let (_running, beginning) = (replica(&loader), loader.clone());
    let begun = AbortOnDropHandle::new(tokio::spawn(async move { beginning.begin().await }));
    let told = loop {
        let component = loader.progress.component();
        if component.status == State::Degraded {
            break component.detail.unwrap();
        }
        tokio::task::yield_now().await;
    };
    assert!(told.contains("2 cannot be stored (the database is unavailable)"), "{told}");
    let states = |sources: Vec<Source>| sources.iter().map(|s| s.status.state).collect::<Vec<_>>();
    assert_eq!(states(sources(&loader).await), [SourceState::Available; 8]);
    fixture.faults.store(0, Ordering::SeqCst);
    begun.await.unwrap();
    assert_eq!(states(sources(&loader).await), [SourceState::Available; 10]);
    assert_eq!(loader.progress.component().status, State::Ok);
}

#[tokio::test]
async fn what_is_configured_no_longer_is_removed_in_every_namespace() {
    let fixture = Fixture::new().await;
    let loader = fixture.loader(sample::wanted().unwrap());
    let running = replica(&loader);
    loader.begin().await;
    assert_eq!(sources(&loader).await.len(), 10);
    drop(running);
    let mut moved = sample::wanted().unwrap().remove(0);
    moved.namespace = Namespace::new("team-c").unwrap();
    moved.managed_by = FILE;
    let loader = fixture.loader(vec![moved]);
    let running = replica(&loader);
    loader.begin().await;
    let left = sources(&loader).await;
    assert!(left.len() == 5 && left.iter().all(|source| source.namespace.as_str() == "team-c"));
    drop(running);
    // what people manage is not the configuration's to remove
    let scope = operator::scope(NAME, TenantSelector::One(Namespace::new("team-d").unwrap())).await.unwrap();
    let mut own = left[0].spec.clone();
    own.managed_by = None;
    loader.sources.apply(&scope, &LOADER, &left[0].plugin, &own).await.unwrap();
    fixture.faults.store(1, Ordering::SeqCst);
    let loader = fixture.loader(Vec::new());
    let _running = replica(&loader);
    loader.begin().await;
    let left = sources(&loader).await;
    assert_eq!(left.iter().map(|source| source.namespace.as_str()).collect::<Vec<_>>(), ["team-d"]);
}

#[tokio::test]
async fn replicas_that_begin_again_and_again_load_each_source_once() {
    let fixture = Fixture::new().await;
    let loaders = [(); 3].map(|()| fixture.loader(sample::wanted().unwrap()));
    let running = loaders.each_ref().map(replica);
    for _ in 0..2 {
        for loader in &loaders {
            loader.begin().await;
            assert_eq!(loader.progress.component().status, State::Ok);
        }
    }
    // each of them sees to the sources, with no lease between them
    let jobs = loaders[0].queue.store.clone();
    let all = operator::scope(NAME, TenantSelector::All).await.unwrap();
    assert_eq!(jobs.list(&all, &JobQuery::default()).await.unwrap().len(), 10);
    drop(running);
}

#[tokio::test]
async fn the_configuration_that_was_told_last_is_in_force() {
    let fixture = Fixture::new().await;
    let mut fewer = sample::wanted().unwrap();
    fewer.truncate(1);
    let (older, newer) = (fixture.loader(sample::wanted().unwrap()), fixture.loader(fewer));
    let _running = [replica(&older), replica(&newer)];
    older.begin().await;
    assert_eq!(sources(&older).await.len(), 10);
    newer.begin().await;
    assert_eq!(sources(&newer).await.len(), 5);
    older.displaced().await;
    // by the virtual clock, at which nobody is heard of who has the newer one
    tokio::time::pause();
    older.in_force().await;
    tokio::time::resume();
    newer.displaced().await;
    newer.begin().await;
    older.displaced().await;
    // it begins once more, as one that is started anew
    older.begin().await;
    newer.displaced().await;
    assert_eq!(sources(&newer).await.len(), 10);
}
