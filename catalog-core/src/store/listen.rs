//! News of what other processes have changed.

use super::{
    Changed, Changes, StoreError,
    database::{Database, Transaction},
    statement::{Dialect, Statement},
};
use crate::name::{Namespace, PluginName};

/// The channel of PostgreSQL's NOTIFY.
const CHANNEL: &str = "catalog_core_changes";

/// Has PostgreSQL tell the other replicas of a change when the transaction is committed; other engines tell nobody.
///
/// # Errors
/// By kind: `Unavailable`, `Internal`.
pub async fn notify(transaction: &mut Transaction, changed: &Changed<'_>) -> Result<(), StoreError> {
    if transaction.dialect() == Dialect::Postgres {
        let mut notify = Statement::new(transaction.dialect());
        notify
            .push("select pg_notify(")
            .bind(CHANNEL)
            .push("::text, ")
            .bind(payload(changed))
            .push("::text)::text");
        transaction.fetch(notify).await?;
    }
    Ok(())
}

/// What is told of the policy is its name. Else it is the tenant and the plugin, with a stroke between them; of the tenant itself, no plugin.
fn payload(changed: &Changed<'_>) -> String {
    match changed {
        Changed::Assets { namespace, plugin } => format!("{namespace}/{plugin}"),
        Changed::Namespace { namespace } => format!("{namespace}/"),
        // no tenant is called so
        Changed::Policy => "policy".into(),
        Changed::Unknown => String::new(),
    }
}

/// Tells `changes` what `payload` says; one that cannot be read may say anything.
fn tell(changes: &Changes, payload: &str) {
    if payload == "policy" {
        return changes.tell(&Changed::Policy);
    }
    let parts = payload.split_once('/');
    match parts.and_then(|(namespace, plugin)| Some((Namespace::new(namespace).ok()?, plugin))) {
        None => changes.tell(&Changed::Unknown),
        Some((namespace, "")) => changes.tell(&Changed::Namespace { namespace: &namespace }),
        Some((namespace, plugin)) => match PluginName::new(plugin) {
            Ok(plugin) => changes.tell(&Changed::Assets { namespace: &namespace, plugin: &plugin }),
            Err(_) => changes.tell(&Changed::Unknown),
        },
    }
}

impl Database {
    /// Tells `changes` what other processes change, for as long as it is polled and the connection lives. An engine that brings no
    /// news, SQLite, says so at once: copies are then compared with the store's generation, and with nothing else.
    ///
    /// # Errors
    /// `Unavailable` when the connection is lost; whatever was changed meanwhile is not told.
    pub async fn listen(&self, changes: &Changes) -> Result<Listened, StoreError> {
        self.listen_to(CHANNEL, |payload| match payload {
            Some(payload) => tell(changes, payload),
            None => changes.tell(&Changed::Unknown),
        })
        .await
    }

    /// Calls `heard` with the payload of each notification of that channel, and with none when some may have been missed, for as
    /// long as it is polled and the connection lives. It must not wait. An engine that brings no news, SQLite, says so at once.
    ///
    /// # Errors
    /// `Unavailable` when the connection is lost.
    pub async fn listen_to(
        &self,
        channel: &'static str,
        heard: impl Fn(Option<&str>) + Send + Sync,
    ) -> Result<Listened, StoreError> {
        self.engine().listen(channel, &heard).await
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
        let (namespace, plugin) = ("team-a".parse().unwrap(), "mcp".parse().unwrap());
        tell(&changes, &payload(&Changed::Assets { namespace: &namespace, plugin: &plugin }));
        tell(&changes, &payload(&Changed::Namespace { namespace: &namespace }));
        tell(&changes, &payload(&Changed::Policy));
        for odd in ["", "team-a", "Team/mcp", "a/b/c"] {
            tell(&changes, odd);
        }
        let heard = heard.lock().unwrap();
        assert!(heard[0].contains("team-a") && heard[0].contains("mcp"), "{heard:?}");
        assert_eq!(heard[1], r#"Namespace { namespace: "team-a" }"#);
        assert_eq!(heard[2], "Policy");
        assert_eq!(heard[3..], ["Unknown"; 4]);
    }
}
