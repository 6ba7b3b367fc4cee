//! Bringing the configured sources into the store, and reading each of them.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use catalog_core::{
    authorizer::{InsecureAllowAll, Refusal, authorize},
    backoff::Backoff,
    identity::Identity,
    name::{Namespace, PluginName},
    page::PageSize,
    permission::{Permission, Reach, Resource, Verb},
    refresh::Refresher,
    registry::Registry,
    source::{Source, SourceSpec, SourceState},
    store::{AssetStore, SourceKey, SourceQuery, SourceStore, StoreError, hook::Unfenced},
    tenant::{TenantScope, TenantSelector},
};
use catalog_ha::Component;
use futures_util::{StreamExt, stream};

/// Sources that one place of the configuration names for one tenant.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) namespace: Namespace,
    /// Who keeps them so: what this once named and names no longer is removed.
    pub(crate) managed_by: &'static str,
    pub(crate) sources: Vec<(PluginName, SourceSpec)>,
}

/// Loads sources at the start, and those that could not be read again and again.
#[derive(Clone, Debug)]
pub(crate) struct Loader<A, S> {
    pub(crate) registry: Registry,
    pub(crate) sources: S,
    pub(crate) refresher: Refresher<A, S>,
    pub(crate) progress: Progress,
}

/// A source, and the scope of its tenant.
type Scoped = (TenantScope, Source);

/// So many sources are read at once.
const AT_ONCE: usize = 2;
const BACKOFF: Backoff = Backoff { first: Duration::from_secs(5), max: Duration::from_mins(5) };

impl<A: AssetStore + Clone, S: SourceStore + Clone> Loader<A, S> {
    /// Makes the sources be as wanted, reads each once, and goes on with those that could not be read.
    pub(crate) async fn run(self, wanted: Vec<Wanted>) {
        let mut failures = 0;
        let mut rest = loop {
            match self.apply_all(&wanted).await {
                Ok(sources) => break sources,
                Err(error) => self.wait(&error, &mut failures).await,
            }
        };
        self.progress.begin(rest.len());
        while !rest.is_empty() {
            match self.refresh_all(&rest).await {
                Ok(unread) => rest = unread,
                Err(error) => {
                    self.wait(&error, &mut failures).await;
                    continue;
                }
            }
            self.progress.end(rest.len());
            if !rest.is_empty() {
                failures += 1;
                tracing::warn!(unread = rest.len(), "some sources could not be read and will be tried again");
                tokio::time::sleep(BACKOFF.after(failures)).await;
            }
        }
        self.progress.end(0);
    }

    async fn wait(&self, error: &LoadError, failures: &mut u32) {
        *failures += 1;
        self.progress.note_error(error);
        tracing::error!(error = error as &dyn std::error::Error, "loading failed and will be tried again");
        tokio::time::sleep(BACKOFF.after(*failures)).await;
    }

    async fn apply_all(&self, wanted: &[Wanted]) -> Result<Vec<Scoped>, LoadError> {
        let mut sources = Vec::new();
        for wanted in wanted {
            let scope = scope(&wanted.namespace).await?;
            sources
                .extend(self.apply(&scope, wanted).await?.into_iter().map(|source| (scope.clone(), source)));
        }
        Ok(sources)
    }

    /// Reads each source; gives those that could not be read.
    async fn refresh_all(&self, sources: &[Scoped]) -> Result<Vec<Scoped>, LoadError> {
        let each = |(scope, source): &Scoped| {
            let (loader, scope, source) = (self.clone(), scope.clone(), source.clone());
            async move { loader.refresh(&scope, &source).await.map(|state| (state, (scope, source))) }
        };
        let mut unread = Vec::new();
        let mut refreshed = stream::iter(sources).map(each).buffer_unordered(AT_ONCE);
        while let Some(outcome) = refreshed.next().await {
            let (state, source) = outcome?;
            self.progress.step();
            if state == SourceState::Error {
                unread.push(source);
            }
        }
        Ok(unread)
    }

    async fn apply(&self, scope: &TenantScope, wanted: &Wanted) -> Result<Vec<Source>, LoadError> {
        let mut applied = Vec::new();
        let mut names = HashSet::new();
        for (plugin, spec) in &wanted.sources {
            names.insert((plugin.clone(), spec.id.clone()));
            let spec = SourceSpec { managed_by: Some(wanted.managed_by.into()), ..spec.clone() };
            applied.push(self.sources.apply(scope, plugin, &spec).await?);
        }
        for mut source in self.all(scope).await? {
            let key = SourceKey { plugin: source.plugin.clone(), id: source.spec.id.clone() };
            let gone = !names.contains(&(key.plugin.clone(), key.id.clone()));
            if gone && source.spec.managed_by.as_deref() == Some(wanted.managed_by) {
                tracing::info!(plugin = %key.plugin, source = %key.id, "source is no longer configured");
                source.spec.enabled = false;
                self.refresh(scope, &source).await?;
                self.sources.remove(scope, &key).await?;
            }
        }
        Ok(applied)
    }

    async fn all(&self, scope: &TenantScope) -> Result<Vec<Source>, LoadError> {
        let mut all: Vec<Source> = Vec::new();
        let size = PageSize::default();
        loop {
            let after = all
                .last()
                .map(|last| (last.namespace.to_string(), last.plugin.to_string(), last.spec.id.to_string()));
            let mut page = self.sources.list(scope, &SourceQuery { plugin: None, after, size }).await?;
            let more = page.len() > size.get();
            page.truncate(size.get());
            all.extend(page);
            if !more {
                return Ok(all);
            }
        }
    }

    async fn refresh(&self, scope: &TenantScope, source: &Source) -> Result<SourceState, LoadError> {
        let Some(plugin) = self.registry.plugin(source.plugin.as_str()) else {
            return Ok(SourceState::Error);
        };
        let status = self.refresher.refresh(scope, plugin.definition(), source, &Unfenced).await?;
        Ok(status.state)
    }
}

/// Loading stopped in the middle.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    #[error("the store failed")]
    Store(#[from] StoreError),
    #[error("loading is not authorized")]
    Refused(#[from] Refusal),
}

/// The scope of the program's own work for one tenant.
async fn scope(namespace: &Namespace) -> Result<TenantScope, Refusal> {
    let permission = Permission::new(Verb::Update, Resource::CatalogSources, Reach::Tenant);
    let tenant = TenantSelector::One(namespace.clone());
    let identity = Identity::system("loader");
    let granted = authorize(&InsecureAllowAll, &identity, &permission, Some(&tenant), None).await?;
    granted.scope.ok_or(Refusal::TenantRequired)
}

/// How far the first load is, for readiness.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress(Arc<Mutex<Stage>>);

#[derive(Clone, Debug, Default)]
enum Stage {
    #[default]
    Waiting,
    Loading {
        done: usize,
        of: usize,
    },
    Loaded {
        of: usize,
        unread: usize,
    },
    Failed(String),
}

impl Progress {
    fn update(&self, update: impl FnOnce(&mut Stage)) {
        update(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// A later round takes nothing back: what was loaded once is served.
    fn begin(&self, of: usize) {
        self.update(|stage| {
            if !matches!(stage, Stage::Loaded { .. }) {
                *stage = Stage::Loading { done: 0, of };
            }
        });
    }

    fn step(&self) {
        self.update(|stage| {
            if let Stage::Loading { done, .. } = stage {
                *done += 1;
            }
        });
    }

    fn end(&self, unread: usize) {
        self.update(|stage| {
            if let Stage::Loading { of, .. } | Stage::Loaded { of, .. } = *stage {
                *stage = Stage::Loaded { of, unread };
            }
        });
    }

    fn note_error(&self, error: &LoadError) {
        self.update(|stage| {
            if !matches!(stage, Stage::Loaded { .. }) {
                *stage = Stage::Failed(error.to_string());
            }
        });
    }

    pub(crate) fn component(&self) -> Component {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Stage::Waiting => Component::failed("not begun"),
            Stage::Loading { done, of } => Component::failed(format!("{done} of {of} sources read")),
            Stage::Loaded { of, unread: 0 } => Component::ok().with_detail(format!("{of} sources read")),
            Stage::Loaded { of, unread } => {
                Component::degraded(format!("{unread} of {of} sources cannot be read"))
            }
            Stage::Failed(error) => Component::failed(error.clone()),
        }
    }
}
