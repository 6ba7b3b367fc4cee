use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use crate::name::{Namespace, PluginName};

/// Tells whoever keeps copies of what a store holds that it has changed. Cheap to clone; clones tell the same listeners.
///
/// A store tells its own changes once they are committed; [`listen`](crate::store::database::Database::listen) brings those that
/// other processes made. Neither is certain to arrive, so a copy is also compared with the store's generation before long.
#[derive(Clone, Default)]
pub struct Changes {
    listeners: Arc<RwLock<Vec<Arc<Listener>>>>,
}

type Listener = dyn Fn(&Changed<'_>) + Send + Sync;

/// What has changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Changed<'a> {
    /// What a plugin lists for a tenant.
    Assets {
        /// The tenant.
        namespace: &'a Namespace,
        /// The plugin.
        plugin: &'a PluginName,
    },
    /// A tenant itself, as the directory knows it.
    Namespace {
        /// The tenant.
        namespace: &'a Namespace,
    },
    /// Who may do what, as the database keeps it.
    Policy,
    /// Anything: news may have been missed.
    Unknown,
}

impl Changes {
    /// Tells `listener` of every change from now on. It is called by whoever changes something, so it must not wait.
    pub fn subscribe(&self, listener: impl Fn(&Changed<'_>) + Send + Sync + 'static) {
        self.listeners.write().unwrap_or_else(PoisonError::into_inner).push(Arc::new(listener));
    }

    /// Tells everybody.
    pub fn tell(&self, changed: &Changed<'_>) {
        // a listener may subscribe another
        let listeners = self.listeners.read().unwrap_or_else(PoisonError::into_inner).clone();
        for listener in listeners {
            listener(changed);
        }
    }
}

impl fmt::Debug for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let listeners = self.listeners.read().unwrap_or_else(PoisonError::into_inner).len();
        write!(f, "Changes({listeners} listeners)")
    }
}
