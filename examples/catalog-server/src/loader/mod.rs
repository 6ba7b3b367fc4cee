//! The sources that the configuration names: brought into the database by one replica, read by jobs, awaited by all.
//!
//! Each replica tells at its start which configuration it has; the one that was told last is in force. Of the replicas that have it
//! one, under a lease, makes the sources be as it says and enqueues what has not been read; the others stand aside until nobody is
//! there any more who has it.

mod keep;
mod reconcile;
mod rollout;
mod target;
#[cfg(test)]
mod tests;
mod watch;

use std::{sync::Arc, time::Duration};

use catalog_core::{
    authorizer::Refusal,
    backoff::Backoff,
    name::{Namespace, PluginName},
    provider::fingerprint,
    refresh::Refresher,
    registry::Registry,
    source::SourceSpec,
    store::{
        AssetStore, Attribution, SourceStore, StoreError,
        database::{Database, Transaction},
    },
};
use serde_json::json;
use tokio::sync::watch as latest;

pub(crate) use self::keep::{Keeper, Lease};
use self::rollout::Rollouts;
use crate::{
    jobs::{InForce, Queue},
    progress::Progress,
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
pub(crate) const MANAGERS: [&str; 2] = [FILE, SAMPLE];

/// Sees to the configured sources. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub(crate) struct Loader<A, S> {
    registry: Registry,
    sources: S,
    refresher: Refresher<A, S>,
    queue: Queue,
    rollouts: Rollouts,
    progress: Progress,
    wanted: Arc<Vec<Wanted>>,
    /// After how long what is not done is tried again.
    backoff: Backoff,
    /// The configuration's fingerprint, from when it was told.
    told: latest::Sender<Option<String>>,
}

/// On whose account sources are made, read and removed.
const LOADER: Attribution = Attribution::system(NAME);
const NAME: &str = "loader";
const BACKOFF: Backoff = Backoff { first: Duration::from_secs(5), max: Duration::from_mins(5) };

impl<A, S> Loader<A, S>
where
    A: AssetStore<Transaction = Transaction> + Clone,
    S: SourceStore + Clone,
{
    /// Of those sources; `sources` enqueues no refreshes, for this does.
    pub(crate) fn new(
        (registry, sources, refresher, queue): (Registry, S, Refresher<A, S>, Queue),
        database: &Database,
        progress: Progress,
        wanted: Vec<Wanted>,
    ) -> Self {
        let (rollouts, told) = (Rollouts::new(database), latest::Sender::default());
        let wanted = Arc::new(wanted);
        Self { registry, sources, refresher, queue, rollouts, progress, wanted, backoff: BACKOFF, told }
    }

    /// Tells which configuration this replica has, so that it is in force, and follows how its sources are read until all are.
    pub(crate) async fn begin(&self) {
        let own = self.fingerprint().await;
        let mut failures = 0;
        let asked = loop {
            match self.rollouts.tell(&own).await {
                Ok(asked) => break asked,
                Err(error) => {
                    failures += 1;
                    self.progress.fail(&error.to_string());
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "loading cannot begin and will be tried again"
                    );
                    tokio::time::sleep(self.backoff.after(failures)).await;
                }
            }
        };
        self.told.send_replace(Some(own.clone()));
        self.watch(&own, asked).await;
    }

    /// What asks that, for the worker.
    pub(crate) fn in_force_check(&self) -> InForce {
        let loader = self.clone();
        Arc::new(move || {
            let loader = loader.clone();
            Box::pin(async move { loader.is_in_force().await })
        })
    }

    /// Whether this replica's configuration is in force, as far as it can be known; before it was told none of it is done.
    async fn is_in_force(&self) -> bool {
        let own = self.told.borrow().clone();
        match (own, self.rollouts.read().await) {
            (Some(own), Ok(rollout)) => rollout.fingerprint == own,
            (own, _) => own.is_some(),
        }
    }

    /// The configuration's fingerprint, once it was told.
    async fn told(&self) -> String {
        let mut told = self.told.subscribe();
        match told.wait_for(Option::is_some).await.map(|told| told.clone()) {
            Ok(Some(own)) => own,
            // the sender is this loader's own
            _ => std::future::pending().await,
        }
    }

    /// Of all that is configured, files that sources are read from included.
    async fn fingerprint(&self) -> String {
        let mut all = Vec::new();
        for wanted in self.wanted.iter() {
            for (plugin, spec) in &wanted.sources {
                let content = self.refresher.fingerprint(spec).await;
                all.push(json!([wanted.namespace, wanted.managed_by, plugin, spec, content]));
            }
        }
        fingerprint(&json!(all).to_string())
    }
}

/// What keeps the sources from being seen to.
#[derive(Debug, thiserror::Error)]
enum LoadError {
    #[error("the sources cannot be looked at")]
    Store(#[from] StoreError),
    #[error("loading is not authorized")]
    Refused(#[from] Refusal),
}
