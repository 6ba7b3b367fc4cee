//! Bringing the configured sources into the store, and reading each of them.

use std::{collections::HashSet, time::Duration};

use catalog_core::{
    authorizer::Refusal,
    backoff::Backoff,
    name::{Namespace, PluginName},
    page::PageSize,
    refresh::Refresher,
    registry::Registry,
    source::{Source, SourceSpec, SourceState},
    store::{
        AssetStore, Attribution, SourceKey, SourceQuery, SourceStore, StoreError, StoreErrorKind,
        hook::Unfenced,
    },
    tenant::{TenantScope, TenantSelector},
};
use futures_util::{StreamExt, stream};

use crate::{
    operator,
    progress::{Left, Progress},
};

/// Sources that one place of the configuration names for one tenant.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) namespace: Namespace,
    /// Who keeps them so, one of [`MANAGERS`].
    pub(crate) managed_by: &'static str,
    pub(crate) sources: Vec<(PluginName, SourceSpec)>,
}

/// What keeps the sources of a file of the configuration, and those of the demo. Whatever they once named, for whomever, and name
/// no longer is removed.
pub(crate) const FILE: &str = "file";
pub(crate) const SAMPLE: &str = "sample";
const MANAGERS: [&str; 2] = [FILE, SAMPLE];

/// Loads sources at the start, and those that could not be loaded again and again.
#[derive(Clone, Debug)]
pub(crate) struct Loader<A, S> {
    pub(crate) registry: Registry,
    pub(crate) sources: S,
    pub(crate) refresher: Refresher<A, S>,
    pub(crate) progress: Progress,
}

/// What is to be done for one source.
#[derive(Clone, Debug)]
struct Task {
    scope: TenantScope,
    key: SourceKey,
    step: Step,
}

#[derive(Clone, Debug)]
enum Step {
    /// It is configured no longer.
    Remove,
    /// It must be as the configuration says.
    Apply(SourceSpec),
    /// It is, and is to be read.
    Read(Box<Source>),
}

/// Why a task is not done.
#[derive(Debug, thiserror::Error)]
enum Undone {
    #[error("cannot be read")]
    Unread,
    #[error("cannot be stored ({0})")]
    Unstored(StoreError),
    #[error("no longer configured and still there ({0})")]
    Unremoved(StoreError),
}

impl Undone {
    /// The tenant takes no changes: it is for whoever suspended or removes it to say when it does again.
    fn is_not_admitted(&self) -> bool {
        match self {
            Self::Unstored(error) | Self::Unremoved(error) => error.kind() == StoreErrorKind::NotAdmitted,
            Self::Unread => false,
        }
    }

    fn unless_not_admitted(self) -> Result<(), Self> {
        if self.is_not_admitted() { Ok(()) } else { Err(self) }
    }
}

/// On whose account sources are made, read and removed.
const LOADER: Attribution = Attribution::system("loader");
/// So many sources are read at once.
const AT_ONCE: usize = 2;
const BACKOFF: Backoff = Backoff { first: Duration::from_secs(5), max: Duration::from_mins(5) };

impl<A: AssetStore + Clone, S: SourceStore + Clone> Loader<A, S> {
    /// Makes the sources be as wanted, reads each once, and goes on with those that could not be read or stored. What goes wrong
    /// with one source keeps no other from being loaded.
    pub(crate) async fn run(self, wanted: Vec<Wanted>) {
        let mut failures = 0;
        let mut tasks = loop {
            match self.plan(&wanted).await {
                Ok(tasks) => break tasks,
                Err(error) => {
                    failures += 1;
                    self.progress.fail(&error.to_string());
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "loading cannot begin and will be tried again"
                    );
                    tokio::time::sleep(BACKOFF.after(failures)).await;
                }
            }
        };
        let configured = wanted.iter().map(|wanted| wanted.sources.len()).sum();
        self.progress.begin(configured);
        loop {
            let (rest, left) = self.round(tasks).await;
            self.progress.end(configured, left);
            if rest.is_empty() {
                return;
            }
            failures += 1;
            tracing::warn!(left = rest.len(), "some sources are not loaded and will be tried again");
            tasks = rest;
            tokio::time::sleep(BACKOFF.after(failures)).await;
        }
    }

    /// What is to be done: first to remove what is configured no longer, in whatever namespace, then the rest.
    async fn plan(&self, wanted: &[Wanted]) -> Result<Vec<Task>, LoadError> {
        let mut configured = HashSet::new();
        for wanted in wanted {
            configured
                .extend(wanted.sources.iter().map(|(plugin, spec)| (&wanted.namespace, plugin, &spec.id)));
        }
        let mut tasks = Vec::new();
        for source in self.all().await? {
            let managed = source.spec.managed_by.as_deref().is_some_and(|by| MANAGERS.contains(&by));
            if managed && !configured.contains(&(&source.namespace, &source.plugin, &source.spec.id)) {
                tasks.push(Task {
                    scope: operator::scope("loader", TenantSelector::One(source.namespace.clone())).await?,
                    key: SourceKey { plugin: source.plugin, id: source.spec.id },
                    step: Step::Remove,
                });
            }
        }
        for wanted in wanted {
            let scope = operator::scope("loader", TenantSelector::One(wanted.namespace.clone())).await?;
            tasks.extend(wanted.sources.iter().map(|(plugin, spec)| Task {
                scope: scope.clone(),
                key: SourceKey { plugin: plugin.clone(), id: spec.id.clone() },
                step: Step::Apply(SourceSpec { managed_by: Some(wanted.managed_by.into()), ..spec.clone() }),
            }));
        }
        Ok(tasks)
    }

    /// Every source there is.
    async fn all(&self) -> Result<Vec<Source>, LoadError> {
        let scope = operator::scope("loader", TenantSelector::All).await?;
        let mut all: Vec<Source> = Vec::new();
        let size = PageSize::default();
        loop {
            let after = all
                .last()
                .map(|last| (last.namespace.to_string(), last.plugin.to_string(), last.spec.id.to_string()));
            let mut page = self.sources.list(&scope, &SourceQuery { plugin: None, after, size }).await?;
            let more = page.len() > size.get();
            page.truncate(size.get());
            all.extend(page);
            if !more {
                return Ok(all);
            }
        }
    }

    /// Tries each task; gives those that are not done, and what keeps them.
    async fn round(&self, tasks: Vec<Task>) -> (Vec<Task>, Left) {
        let (mut rest, mut left) = (Vec::new(), Left::default());
        let mut keep = |task: Task, undone: &Undone| {
            left.note(undone.to_string(), !matches!(undone, Undone::Unread));
            rest.push(task);
        };
        let mut to_read = Vec::new();
        for mut task in tasks {
            match self.prepare(&mut task).await {
                Err(undone) if undone.is_not_admitted() => {
                    tracing::info!(scope = ?task.scope, "sources of a namespace that is not active are not loaded");
                }
                Ok(true) => to_read.push(task),
                Ok(false) => {}
                Err(undone) => {
                    task.log(&undone);
                    keep(task, &undone);
                }
            }
        }
        let each = |task: Task| async { (self.read(&task).await, task) };
        let mut read = stream::iter(to_read).map(each).buffer_unordered(AT_ONCE);
        while let Some((outcome, task)) = read.next().await {
            self.progress.step();
            if let Err(undone) = outcome.or_else(Undone::unless_not_admitted) {
                task.log(&undone);
                keep(task, &undone);
            }
        }
        drop(read);
        (rest, left)
    }

    /// Does what comes before reading; whether there is something to read.
    async fn prepare(&self, task: &mut Task) -> Result<bool, Undone> {
        match &task.step {
            Step::Remove => {
                tracing::info!(plugin = %task.key.plugin, source = %task.key.id, "source is no longer configured");
                self.refresher
                    .remove(&task.scope, &LOADER, &task.key, &Unfenced)
                    .await
                    .map_err(Undone::Unremoved)?;
                Ok(false)
            }
            Step::Apply(spec) => {
                let applied = self.sources.apply(&task.scope, &LOADER, &task.key.plugin, spec).await;
                task.step = Step::Read(Box::new(applied.map_err(Undone::Unstored)?));
                Ok(true)
            }
            Step::Read(_) => Ok(true),
        }
    }

    async fn read(&self, task: &Task) -> Result<(), Undone> {
        let Step::Read(source) = &task.step else { return Ok(()) };
        let plugin = self.registry.plugin(source.plugin.as_str()).ok_or(Undone::Unread)?;
        let status =
            self.refresher.refresh(&task.scope, &LOADER, plugin.definition(), source, &Unfenced).await;
        match status.map_err(Undone::Unstored)?.state {
            SourceState::Error => Err(Undone::Unread),
            _ => Ok(()),
        }
    }
}

impl Task {
    fn log(&self, undone: &Undone) {
        let (plugin, source) = (&self.key.plugin, &self.key.id);
        match undone {
            // whoever read it has said why
            Undone::Unread => {}
            Undone::Unstored(error) | Undone::Unremoved(error) => {
                let error: &dyn std::error::Error = error;
                tracing::error!(%plugin, %source, error, "{undone}");
            }
        }
    }
}

/// Loading cannot begin.
#[derive(Debug, thiserror::Error)]
enum LoadError {
    #[error("the sources that are there cannot be listed")]
    Store(#[from] StoreError),
    #[error("loading is not authorized")]
    Refused(#[from] Refusal),
}

/// The scope of the program's own work for one tenant, or for all.
#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use catalog_core::{
        plugin::{DataPlugin, Plugin, builtin},
        registry::RegistryConfig,
        source::SourceStatus,
        store::{
            IfTag, MemoryAssetStore, MemorySourceStore, StoreErrorKind,
            hook::{Unaudited, Unqueued},
        },
    };
    use catalog_ha::State;

    use super::*;
    use crate::sample::{self, SampleProvider};

    /// A store that refuses to write for one source, so many times.
    #[derive(Clone, Debug)]
    struct Faulty {
        inner: MemorySourceStore<Unaudited, Unqueued>,
        source: &'static str,
        faults: Arc<AtomicUsize>,
    }

    impl Faulty {
        fn check(&self, id: &str) -> Result<(), StoreError> {
            let spend = |faults: usize| faults.checked_sub(1);
            let faulty = id == self.source
                && self.faults.fetch_update(Ordering::SeqCst, Ordering::SeqCst, spend).is_ok();
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

        async fn note_status(
            &self,
            scope: &TenantScope,
            key: &SourceKey,
            status: &SourceStatus,
        ) -> Result<(), StoreError> {
            self.check(key.id.as_str())?;
            self.inner.note_status(scope, key, status).await
        }
    }

    fn loader(faults: usize) -> Loader<MemoryAssetStore<Unaudited>, Faulty> {
        let plugins = builtin().unwrap().into_iter();
        let plugins = plugins.map(|definition| Arc::new(DataPlugin::new(definition)) as Arc<dyn Plugin>);
        let sources = Faulty {
            inner: MemorySourceStore::new(Unaudited, Unqueued),
            source: "sample-agents",
            faults: Arc::new(AtomicUsize::new(faults)),
        };
        let assets = MemoryAssetStore::new(Unaudited);
        Loader {
            registry: Registry::new(plugins, RegistryConfig::default()).unwrap(),
            refresher: Refresher::new(assets, sources.clone()).with_provider(SampleProvider),
            sources,
            progress: Progress::default(),
        }
    }

    async fn states(loader: &Loader<MemoryAssetStore<Unaudited>, Faulty>) -> Vec<SourceState> {
        loader.all().await.unwrap().into_iter().map(|source| source.status.state).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_refuses_one_source_keeps_no_other_from_being_loaded() {
        // the first apply of both teams, then a status of one of them
        for faults in [1, 2, 3] {
            let loader = loader(faults);
            let running = tokio::spawn(loader.clone().run(sample::wanted().unwrap()));
            tokio::time::sleep(Duration::from_secs(1)).await;
            let available = states(&loader).await.iter().filter(|s| **s == SourceState::Available).count();
            assert_eq!(available, if faults == 1 { 9 } else { 8 });
            let component = loader.progress.component();
            assert_eq!(component.status, State::Degraded);
            let detail = component.detail.unwrap();
            assert!(detail.contains("cannot be stored (the database is unavailable)"), "{detail}");
            running.await.unwrap();
            assert_eq!(states(&loader).await, [SourceState::Available; 10]);
            assert_eq!(loader.progress.component().status, State::Ok);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_configured_no_longer_is_removed_in_every_namespace() {
        let loader = loader(0);
        loader.clone().run(sample::wanted().unwrap()).await;
        assert_eq!(states(&loader).await.len(), 10);
        let mut moved = sample::wanted().unwrap().remove(0);
        moved.namespace = Namespace::new("team-c").unwrap();
        moved.managed_by = FILE;
        loader.clone().run(vec![moved]).await;
        let left = loader.all().await.unwrap();
        assert!(left.len() == 5 && left.iter().all(|source| source.namespace.as_str() == "team-c"));
        // what people manage is not the configuration's to remove
        let scope =
            operator::scope("loader", TenantSelector::One(Namespace::new("team-d").unwrap())).await.unwrap();
        let mut own = left[0].spec.clone();
        own.managed_by = None;
        loader.sources.apply(&scope, &LOADER, &left[0].plugin, &own).await.unwrap();
        loader.sources.faults.store(1, Ordering::SeqCst);
        loader.clone().run(Vec::new()).await;
        let left = loader.all().await.unwrap();
        assert_eq!(left.iter().map(|source| source.namespace.as_str()).collect::<Vec<_>>(), ["team-d"]);
    }
}
