//! The plugins of a service, each watched over so that one that fails takes nothing else with it.

mod state;
mod supervisor;

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::FutureExt;
use tokio::{sync::Notify, task::AbortHandle};

pub use self::state::{PluginState, Unavailable};
pub use self::supervisor::panic_text;
use crate::{
    backoff::Backoff,
    name::PluginName,
    plugin::Plugin,
    schema::{PluginDefinition, SchemaError},
};

/// How a [`Registry`] watches over its plugins.
#[derive(Clone, Copy, Debug)]
pub struct RegistryConfig {
    /// How long a plugin's start may take.
    pub start_timeout: Duration,
    /// How long to wait before a failed plugin is started again.
    pub backoff: Backoff,
    /// After so many requests in a row that panicked, a plugin is taken for failed.
    pub fault_threshold: u32,
}

impl Default for RegistryConfig {
    /// 30 s to start, tried again after 1 s up to 60 s, failed after 5 panics in a row.
    fn default() -> Self {
        Self {
            start_timeout: Duration::from_secs(30),
            backoff: Backoff { first: Duration::from_secs(1), max: Duration::from_mins(1) },
            fault_threshold: 5,
        }
    }
}

/// The plugins of a service. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Registry {
    plugins: Arc<[PluginHandle]>,
    generation: Arc<AtomicU64>,
    config: RegistryConfig,
}

/// One plugin of a [`Registry`]. Cheap to clone.
#[derive(Clone, Debug)]
pub struct PluginHandle(Arc<Entry>);

#[derive(Debug)]
struct Entry {
    plugin: Arc<dyn Plugin>,
    state: Mutex<PluginState>,
    generation: Arc<AtomicU64>,
    fault_threshold: u32,
    faults: AtomicU32,
    failed: Notify,
    changed: Notify,
    supervisor: Mutex<Option<AbortHandle>>,
}

/// Plugins that cannot be together in one registry.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RegistryError {
    /// Two have one name.
    #[error("two plugins are called `{0}`")]
    Twice(PluginName),
    /// The definition of one is unsound.
    #[error("plugin `{name}`: {}", .faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Definition {
        /// Which.
        name: PluginName,
        /// What is wrong with it.
        faults: Vec<SchemaError>,
    },
}

impl Registry {
    /// Of those plugins, none of which is started yet.
    ///
    /// # Errors
    /// [`RegistryError`] when two have one name or a definition is unsound.
    pub fn new(
        plugins: impl IntoIterator<Item = Arc<dyn Plugin>>,
        config: RegistryConfig,
    ) -> Result<Self, RegistryError> {
        let generation = Arc::new(AtomicU64::new(0));
        let mut names = HashSet::new();
        let mut handles = Vec::new();
        for plugin in plugins {
            let definition = plugin.definition();
            let name = definition.name.clone();
            definition
                .validate()
                .map_err(|faults| RegistryError::Definition { name: name.clone(), faults })?;
            if !names.insert(name.clone()) {
                return Err(RegistryError::Twice(name));
            }
            handles.push(PluginHandle(Arc::new(Entry {
                plugin,
                state: Mutex::new(PluginState::Starting),
                generation: Arc::clone(&generation),
                fault_threshold: config.fault_threshold,
                faults: AtomicU32::new(0),
                failed: Notify::new(),
                changed: Notify::new(),
                supervisor: Mutex::new(None),
            })));
        }
        Ok(Self { plugins: handles.into(), generation, config })
    }

    /// Starts every plugin, side by side, and waits until each has started or failed once. From then on failed ones are started
    /// again in the background.
    pub async fn start(&self) {
        for handle in self.plugins.iter() {
            let task = tokio::spawn(supervisor::watch_over(handle.clone(), self.config));
            *handle.lock_supervisor() = Some(task.abort_handle());
        }
        for handle in self.plugins.iter() {
            handle.decided().await;
        }
    }

    /// Stops every plugin, each within the time that a start may take.
    pub async fn stop(&self) {
        for handle in self.plugins.iter() {
            if let Some(task) = handle.lock_supervisor().take() {
                task.abort();
            }
            // a plugin that hangs here is left behind: the process is about to end
            let _ = tokio::time::timeout(self.config.start_timeout, handle.0.plugin.stop()).await;
        }
    }

    /// The plugins, in the order they were given.
    pub fn plugins(&self) -> &[PluginHandle] {
        &self.plugins
    }

    /// The plugin of that name.
    pub fn plugin(&self, name: &str) -> Option<&PluginHandle> {
        self.plugins.iter().find(|handle| handle.name().as_str() == name)
    }

    /// A number that moves whenever a plugin's state does: what was made of the states before is then old.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }
}

impl PluginHandle {
    /// Its name.
    pub fn name(&self) -> &PluginName {
        &self.definition().name
    }

    /// What it lists.
    pub fn definition(&self) -> &PluginDefinition {
        self.0.plugin.definition()
    }

    /// How it does.
    pub fn state(&self) -> PluginState {
        self.lock_state().clone()
    }

    /// Whether its routes may be served now.
    ///
    /// # Errors
    /// [`Unavailable`] with the time after which to ask again.
    pub fn gate(&self) -> Result<(), Unavailable> {
        self.lock_state().gate()
    }

    /// Notes that a request to the plugin ended as it should, whatever its status.
    pub fn note_success(&self) {
        // the usual case reads and does not write
        if self.0.faults.load(Ordering::Relaxed) != 0 {
            self.0.faults.store(0, Ordering::Relaxed);
        }
    }

    /// Notes that a request to the plugin panicked. After too many in a row the plugin is taken for failed and started anew.
    ///
    /// A request that took too long is no such fault: one tenant's slow question would close the plugin for all others.
    pub fn note_fault(&self) {
        let state = self.lock_state();
        // one that began before a restart says nothing of the plugin as it is now
        if *state != PluginState::Serving {
            return;
        }
        let faults = self.0.faults.fetch_add(1, Ordering::Relaxed) + 1;
        // once only: another call would be kept, and answer for the plugin that has been started anew
        if faults == self.0.fault_threshold {
            self.0.failed.notify_one();
        }
    }

    /// Begins anew, also with a call that nobody has heard: two requests may fail at once.
    fn forget_faults(&self) {
        self.0.faults.store(0, Ordering::Relaxed);
        let _ = self.0.failed.notified().now_or_never();
    }

    fn set(&self, state: PluginState) {
        *self.lock_state() = state;
        self.0.generation.fetch_add(1, Ordering::Release);
        self.0.changed.notify_waiters();
    }

    async fn decided(&self) {
        loop {
            let changed = self.0.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if !matches!(self.state(), PluginState::Starting) {
                return;
            }
            changed.await;
        }
    }

    fn lock_state(&self) -> std::sync::MutexGuard<'_, PluginState> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_supervisor(&self) -> std::sync::MutexGuard<'_, Option<AbortHandle>> {
        self.0.supervisor.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
