//! How the first load goes on, whoever does it.

use std::{collections::HashMap, time::Duration};

use catalog_core::{
    store::{AssetStore, SourceKey, SourceStore, database::Transaction},
    tenant::TenantScope,
};
use tokio::time::Instant;

use super::{
    LoadError, Loader,
    target::{Seen, Target},
};

/// How soon to look, which then takes ever longer, and how often at least.
const FIRST: Duration = Duration::from_millis(10);
const LAST: Duration = Duration::from_secs(1);
/// How often to look whether what cannot be read can be.
const LATER: Duration = Duration::from_secs(5);
/// So long a replica waits for sources to be read before it is ready without them: for those that list nothing yet, and for those that
/// list what they did before. A job whose worker was killed is another's when its lease has run out.
const PATIENCE: Duration = Duration::from_mins(1);
const PATIENCE_WITH_OLD: Duration = Duration::from_secs(3);

impl<A, S> Loader<A, S>
where
    A: AssetStore<Transaction = Transaction> + Clone,
    S: SourceStore + Clone,
{
    /// Tells how the sources of the rollout are read, until all are or another rollout is in force.
    pub(super) async fn watch(&self, own: &str, asked: u64) {
        let (begun, mut wait) = (Instant::now(), FIRST);
        let mut targets = Vec::new();
        loop {
            match self.survey(own, asked, begun, &mut targets).await {
                Ok(Some(true)) => return,
                Ok(Some(false)) => wait = LATER,
                Ok(None) => wait = (wait * 3 / 2).min(LAST),
                Err(error) => {
                    self.progress.fail(&error.to_string());
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "how the sources are read cannot be seen"
                    );
                    wait = LAST;
                }
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// Looks once; gives whether all are read, if none is still waited for.
    async fn survey(
        &self,
        own: &str,
        asked: u64,
        begun: Instant,
        targets: &mut Vec<Target>,
    ) -> Result<Option<bool>, LoadError> {
        if targets.is_empty() {
            *targets = self.targets().await?;
        }
        // read before the sources are, so that what is done by it is seen
        let rollout = self.rollouts.read().await?;
        if rollout.fingerprint != own {
            self.progress.supersede();
            return Ok(Some(true));
        }
        let is_done = rollout.done >= asked;
        let mut left = if is_done { rollout.left } else { crate::progress::Left::default() };
        let mut by_tenant: HashMap<String, HashMap<SourceKey, _>> = HashMap::new();
        let (mut waiting, mut patience) = (Vec::new(), PATIENCE_WITH_OLD);
        let of = targets.len();
        for target in targets {
            let tenant = tenant(&target.scope);
            if !by_tenant.contains_key(&tenant) {
                let sources = self.all(&target.scope).await?.into_iter().map(|source| {
                    let key = SourceKey { plugin: source.plugin.clone(), id: source.spec.id.clone() };
                    (key, source)
                });
                by_tenant.insert(tenant.clone(), sources.collect());
            }
            let source = by_tenant.get(&tenant).and_then(|sources| sources.get(&target.key));
            match target.look(&self.refresher, self.backoff, source).await {
                Seen::Read | Seen::Off => {}
                Seen::Failed => left.note("cannot be read".into(), false),
                // what could not be made as it is configured is told of by who tried
                Seen::Absent if is_done => {}
                Seen::Absent | Seen::Waiting => {
                    if source.is_none_or(|source| source.status.last_refresh.is_none()) {
                        patience = PATIENCE;
                    }
                    waiting.push(format!("{tenant}/{}/{}", target.key.plugin, target.key.id));
                }
            }
        }
        // what another configuration named is gone by then
        if waiting.is_empty() && rollout.done >= rollout.since {
            let is_all = left.count() == 0;
            self.progress.end(of, left);
            return Ok(Some(is_all));
        }
        self.progress.wait_for(of, &waiting, is_done, begun.elapsed() >= patience);
        Ok(None)
    }
}

fn tenant(scope: &TenantScope) -> String {
    scope.single().map(ToString::to_string).unwrap_or_default()
}
