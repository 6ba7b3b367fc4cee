use std::{collections::BTreeMap, sync::Arc, time::Duration};

use catalog_core::{
    clock::{Clock, SystemClock, Timestamp},
    name::Namespace,
    store::{StoreError, StoreErrorKind, hook::Fence},
    tenant::TenantScope,
};
use serde::{Deserialize, Serialize};

use crate::{
    seal::{Ledger, SealKey},
    store::{Expiry, Partitions, RetentionStore},
    telemetry,
};

/// For how long events are kept, in days from when they were sealed.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct RetentionConfig {
    /// Those of each tenant, but for those that are named, and those of nobody; 0 is for ever.
    pub days: u32,
    /// Those of single tenants; 0 is for ever.
    pub tenants: BTreeMap<Namespace, u32>,
}

impl Default for RetentionConfig {
    /// 90 days.
    fn default() -> Self {
        Self { days: 90, tenants: BTreeMap::new() }
    }
}

impl RetentionConfig {
    fn days_of(&self, ledger: &Ledger) -> u32 {
        let own = Namespace::new(ledger.as_str()).ok().and_then(|name| self.tenants.get(&name));
        own.copied().unwrap_or(self.days)
    }

    /// What was sealed before is old enough; none if nothing ever is.
    fn before(&self, ledger: &Ledger, now: Timestamp) -> Option<Timestamp> {
        let days = Some(self.days_of(ledger)).filter(|days| *days > 0)?;
        let age = i64::try_from((DAY * days).as_millis()).unwrap_or(i64::MAX);
        Some(Timestamp::from_unix_ms(now.unix_ms().saturating_sub(age)).unwrap_or(Timestamp::UNIX_EPOCH))
    }
}

/// Removes old events. One of all replicas does: whoever holds the fence that is passed in.
#[derive(Clone, Debug)]
pub struct Retention<S> {
    store: S,
    key: SealKey,
    config: RetentionConfig,
    clock: Arc<dyn Clock>,
}

/// About so many events are removed in one transaction.
const STEP: usize = 2_000;
/// How often it is looked whether any are old enough.
const INTERVAL: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

impl<S: RetentionStore> Retention<S> {
    /// From that store; with that key it is signed that they were removed.
    pub fn new(store: S, key: SealKey, config: RetentionConfig) -> Self {
        Self { store, key, config, clock: Arc::new(SystemClock) }
    }

    /// With another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Removes all that is old enough of the tenants of the scope, and gives how many events that were. Where events are partitioned,
    /// those of the tenants that are kept longest go with their partitions, up to a week later.
    ///
    /// # Errors
    /// `Fenced` when another one removes; or what the store says. What was removed stays so.
    pub async fn expire<F: Fence<S::Transaction>>(
        &self,
        scope: &TenantScope,
        fence: &F,
    ) -> Result<usize, StoreError> {
        let (now, mut removed) = (self.clock.now(), 0);
        let ledgers = self.store.ledgers(scope).await?;
        let is_one_kept = ledgers.iter().any(|ledger| self.config.days_of(ledger) == 0);
        let chains = ledgers.into_iter().filter_map(|ledger| {
            let before = self.config.before(&ledger, now)?;
            Some((ledger, before))
        });
        let chains: Vec<_> = chains.collect();
        while let Some(dropped) = self.store.drop_partition(fence, &self.key, &chains, now).await? {
            telemetry::expired(dropped);
            removed += dropped;
        }
        let Some(longest) = chains.iter().map(|(_, before)| *before).min() else { return Ok(removed) };
        // the rest of that partition goes with it
        let spared = if is_one_kept { longest } else { self.store.begin_of_partition(longest).await? };
        for (ledger, before) in chains {
            let before = if before == longest { spared } else { before };
            loop {
                let expiry = Expiry { before, now, most: STEP };
                let step = self.store.expire(fence, &ledger, &self.key, expiry).await?;
                telemetry::expired(step);
                removed += step;
                if step == 0 {
                    break;
                }
            }
        }
        Ok(removed)
    }

    /// Makes the partitions of the weeks to come, where the store has such.
    ///
    /// # Errors
    /// As [`expire`](Self::expire).
    pub async fn prepare<F: Fence<S::Transaction>>(&self, fence: &F) -> Result<Partitions, StoreError> {
        self.store.make_partitions(fence, self.clock.now()).await
    }

    /// Prepares and removes again and again, until it is dropped or another one does.
    pub async fn run<F: Fence<S::Transaction>>(&self, scope: &TenantScope, fence: &F) {
        let mut before = Partitions::None;
        loop {
            match self.prepare(fence).await {
                Ok(prepared) => {
                    if prepared == Partitions::NotAllowed && before != prepared {
                        tracing::info!(
                            "the database's user may make no partitions; old audit events go row by row"
                        );
                    }
                    before = prepared;
                }
                Err(error) if error.kind() == StoreErrorKind::Fenced => return,
                Err(error) => {
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(
                        error,
                        "partitions of audit events cannot be made and will be tried again"
                    );
                }
            }
            match self.expire(scope, fence).await {
                Ok(0) => {}
                Ok(removed) => tracing::info!(removed, "old audit events were removed"),
                Err(error) if error.kind() == StoreErrorKind::Fenced => return,
                Err(error) => {
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(error, "old audit events cannot be removed and will be tried again");
                }
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }
}
