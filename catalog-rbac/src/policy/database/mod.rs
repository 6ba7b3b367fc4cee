//! A policy in a SQL database.

mod error;
mod recorder;
mod store;

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use catalog_core::store::Changed;
use tokio::{sync::Notify, time};

pub use self::{
    error::SqlPolicyError,
    recorder::{PolicyChange, PolicyRecorder},
    store::{Applied, MIGRATIONS, SqlPolicyStore},
};
use crate::engine::PolicyHandle;

/// A policy that the database holds, and that follows it while it is [watched](Self::watch). Cheap to clone.
#[derive(Clone, Debug)]
pub struct SqlPolicy {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    store: SqlPolicyStore,
    handle: Arc<PolicyHandle>,
    status: RwLock<SqlPolicyStatus>,
    /// News of a change.
    news: Notify,
}

/// How far a [`SqlPolicy`] is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SqlPolicyStatus {
    /// The version of the database's policy that is in force.
    pub version: u64,
    /// Why the database could not be read when it was looked at last; what was read before stays in force.
    pub error: Option<Arc<SqlPolicyError>>,
}

impl SqlPolicy {
    /// Reads the policy once, and puts it into a handle of its own. An empty one allows nothing.
    ///
    /// # Errors
    /// Those of [`SqlPolicyStore::load`].
    pub async fn load(store: SqlPolicyStore) -> Result<Self, SqlPolicyError> {
        let (policy, version) = store.load().await?;
        let changes = store.changes().clone();
        let shared = Arc::new(Shared {
            store,
            handle: Arc::new(PolicyHandle::new(policy)),
            status: RwLock::new(SqlPolicyStatus { version, error: None }),
            news: Notify::new(),
        });
        let hears = Arc::downgrade(&shared);
        changes.subscribe(move |changed| {
            if let (Changed::Policy | Changed::Unknown, Some(shared)) = (changed, hears.upgrade()) {
                shared.news.notify_one();
            }
        });
        Ok(Self { shared })
    }

    /// The policy; nobody else may change it.
    pub fn handle(&self) -> &Arc<PolicyHandle> {
        &self.shared.handle
    }

    /// How far it is.
    pub fn status(&self) -> SqlPolicyStatus {
        self.shared.status.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks at the database's version whenever news come, and each `interval` without any, for as long as it is polled; where the
    /// version has changed, the policy is read again and put into force.
    pub async fn watch(&self, interval: Duration) {
        loop {
            let _ = time::timeout(interval, self.shared.news.notified()).await;
            let found = self.refresh().await;
            self.shared.note(found);
        }
    }

    /// The version that is in force.
    async fn refresh(&self) -> Result<u64, SqlPolicyError> {
        let before = self.status().version;
        if self.shared.store.version().await? == before {
            return Ok(before);
        }
        let (policy, version) = self.shared.store.load().await?;
        let generation = self.shared.handle.replace(policy);
        tracing::info!(version, generation, "the policy in the database changed and is in force");
        Ok(version)
    }
}

impl Shared {
    fn note(&self, found: Result<u64, SqlPolicyError>) {
        let mut status = self.status.write().unwrap_or_else(PoisonError::into_inner);
        match found {
            Ok(version) => *status = SqlPolicyStatus { version, error: None },
            Err(error) => {
                if status.error.is_none() {
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(
                        error,
                        "the policy in the database cannot be read, and what was read before stays in force"
                    );
                }
                status.error = Some(Arc::new(error));
            }
        }
    }
}
