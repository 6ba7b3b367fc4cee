//! Making the sources be as the configuration says.

use std::collections::HashSet;

use catalog_core::{
    page::PageSize,
    source::{Source, SourceSpec},
    store::{
        AssetStore, SourceKey, SourceQuery, SourceStore, StoreError, StoreErrorKind, database::Transaction,
    },
    tenant::{TenantScope, TenantSelector},
};

use super::{LOADER, Lease, LoadError, Loader, MANAGERS, NAME, Wanted};
use crate::{operator, progress::Left};

/// What is to be done for one source.
#[derive(Clone, Debug)]
pub(super) struct Task {
    scope: TenantScope,
    key: SourceKey,
    step: Step,
}

#[derive(Clone, Debug)]
enum Step {
    /// It is configured no longer.
    Remove,
    /// It must be as the configuration says.
    Apply(Box<SourceSpec>),
}

/// Why a task is not done.
#[derive(Debug, thiserror::Error)]
enum Undone {
    #[error("of no plugin of this server")]
    NoPlugin,
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
            Self::NoPlugin => false,
        }
    }
}

impl Wanted {
    /// A source of these as it is stored.
    pub(super) fn managed(&self, spec: &SourceSpec) -> SourceSpec {
        SourceSpec { managed_by: Some(self.managed_by.into()), ..spec.clone() }
    }
}

impl<A, S> Loader<A, S>
where
    A: AssetStore<Transaction = Transaction> + Clone,
    S: SourceStore + Clone,
{
    /// What is to be done: first to remove what is configured no longer, in whatever namespace, then the rest.
    pub(super) async fn plan(&self) -> Result<Vec<Task>, LoadError> {
        let mut configured = HashSet::new();
        for wanted in self.wanted.iter() {
            configured
                .extend(wanted.sources.iter().map(|(plugin, spec)| (&wanted.namespace, plugin, &spec.id)));
        }
        let mut tasks = Vec::new();
        for source in self.all(&operator::scope(NAME, TenantSelector::All).await?).await? {
            let managed = source.spec.managed_by.as_deref().is_some_and(|by| MANAGERS.contains(&by));
            if managed && !configured.contains(&(&source.namespace, &source.plugin, &source.spec.id)) {
                tasks.push(Task {
                    scope: operator::scope(NAME, TenantSelector::One(source.namespace.clone())).await?,
                    key: SourceKey { plugin: source.plugin, id: source.spec.id },
                    step: Step::Remove,
                });
            }
        }
        for wanted in self.wanted.iter() {
            let scope = operator::scope(NAME, TenantSelector::One(wanted.namespace.clone())).await?;
            tasks.extend(wanted.sources.iter().map(|(plugin, spec)| Task {
                scope: scope.clone(),
                key: SourceKey { plugin: plugin.clone(), id: spec.id.clone() },
                step: Step::Apply(Box::new(wanted.managed(spec))),
            }));
        }
        Ok(tasks)
    }

    /// Every source of the scope.
    pub(super) async fn all(&self, scope: &TenantScope) -> Result<Vec<Source>, StoreError> {
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

    /// Tries each task; gives those that are not done, and what keeps them. What goes wrong with one keeps no other.
    pub(super) async fn round(&self, tasks: Vec<Task>, lease: &Lease) -> (Vec<Task>, Left) {
        let (mut rest, mut left) = (Vec::new(), Left::default());
        for task in tasks {
            match self.perform(&task, lease).await {
                Ok(()) => {}
                Err(undone) if undone.is_not_admitted() => {
                    tracing::info!(scope = ?task.scope, "sources of a namespace that is not active are not loaded");
                }
                Err(undone) => {
                    task.log(&undone);
                    left.note(undone.to_string(), true);
                    rest.push(task);
                }
            }
        }
        (rest, left)
    }

    async fn perform(&self, task: &Task, lease: &Lease) -> Result<(), Undone> {
        let Task { scope, key, step } = task;
        match step {
            Step::Remove => {
                tracing::info!(plugin = %key.plugin, source = %key.id, "source is no longer configured");
                self.refresher.remove(scope, &LOADER, key, lease).await.map_err(Undone::Unremoved)
            }
            Step::Apply(spec) => {
                let there = self.sources.find(scope, key).await.map_err(Undone::Unstored)?;
                // one that is as it should be is not waited for while it is being read
                let source = if let Some(same) = there.filter(|there| there.spec == **spec) {
                    same
                } else {
                    let applied = self.sources.apply(scope, &LOADER, &key.plugin, spec).await;
                    applied.map_err(Undone::Unstored)?
                };
                let emptied = source.status.last_refresh.as_ref().map(|refresh| refresh.revision);
                if spec.enabled || emptied == Some(source.revision) {
                    return Ok(());
                }
                // what is switched off is read by no job, and loses what it listed
                let plugin = self.registry.plugin(key.plugin.as_str()).ok_or(Undone::NoPlugin)?;
                let status =
                    self.refresher.refresh(scope, &LOADER, plugin.definition(), &source, lease).await;
                status.map(drop).map_err(Undone::Unstored)
            }
        }
    }
}

impl Task {
    fn log(&self, undone: &Undone) {
        let (plugin, source) = (&self.key.plugin, &self.key.id);
        let error: &dyn std::error::Error = undone;
        tracing::error!(%plugin, %source, error, "a source is not as it is configured and will be tried again");
    }
}
