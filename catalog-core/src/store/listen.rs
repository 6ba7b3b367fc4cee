//! News of what other processes have changed.

use super::{Changed, Changes, StoreError, database::Database};
use crate::name::{Namespace, PluginName};

/// The channel of PostgreSQL's NOTIFY.
pub(super) const CHANNEL: &str = "catalog_core_changes";

/// What is told: the tenant and the plugin.
pub(super) fn payload(namespace: &Namespace, plugin: &PluginName) -> String {
    format!("{namespace}/{plugin}")
}

/// Tells `changes` what `payload` says; one that cannot be read may say anything.
#[cfg_attr(not(feature = "postgres"), expect(dead_code, reason = "without the engine that notifies"))]
pub(super) fn tell(changes: &Changes, payload: &str) {
    let names = payload.split_once('/').and_then(|(namespace, plugin)| {
        Some((Namespace::new(namespace).ok()?, PluginName::new(plugin).ok()?))
    });
    match &names {
        Some((namespace, plugin)) => changes.tell(&Changed::Assets { namespace, plugin }),
        None => changes.tell(&Changed::Unknown),
    }
}

impl Database {
    /// Tells `changes` what other processes change, for as long as it is polled and the connection lives. An engine that brings no
    /// news, SQLite, says so at once: copies are then compared with the store's generation, and with nothing else.
    ///
    /// # Errors
    /// `Unavailable` when the connection is lost; whatever was changed meanwhile is not told.
    pub async fn listen(&self, changes: &Changes) -> Result<Listened, StoreError> {
        self.engine().listen(changes).await
    }
}

/// Why [`Database::listen`] has ended without an error.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Listened {
    /// The engine brings no news.
    Unsupported,
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn what_cannot_be_read_may_be_anything() {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let changes = Changes::default();
        changes.subscribe({
            let heard = Arc::clone(&heard);
            move |changed| heard.lock().unwrap().push(format!("{changed:?}"))
        });
        tell(&changes, &payload(&"team-a".parse().unwrap(), &"mcp".parse().unwrap()));
        for odd in ["", "team-a", "Team/mcp", "a/b/c"] {
            tell(&changes, odd);
        }
        let heard = heard.lock().unwrap();
        assert!(heard[0].contains("team-a") && heard[0].contains("mcp"), "{heard:?}");
        assert_eq!(heard[1..], ["Unknown"; 4]);
    }
}
