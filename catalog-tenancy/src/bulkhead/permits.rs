use std::{collections::BTreeMap, sync::Arc, time::Duration};

use catalog_core::name::Namespace;

use super::{
    BulkheadConfig, Busy, Permit, Weight,
    gate::{Answer, Gate},
};

/// What requests share. Cheap to clone; clones share the same.
#[derive(Clone, Debug)]
pub struct Permits {
    gate: Arc<Gate>,
    wait: Duration,
}

impl Permits {
    /// Shared by many tenants, none of which can have all.
    pub fn many(config: BulkheadConfig) -> Self {
        Self::new(config, false)
    }

    /// For a service of one tenant, which may have all.
    pub fn single(config: BulkheadConfig) -> Self {
        Self::new(config, true)
    }

    fn new(config: BulkheadConfig, alone: bool) -> Self {
        let BulkheadConfig { permits, queue, wait, weights } = config;
        Self { gate: Arc::new(Gate::new(permits.max(1), queue, weights, alone)), wait }
    }

    /// From now on tenants weigh so much.
    pub fn replace_weights(&self, weights: BTreeMap<Namespace, Weight>) {
        self.gate.replace_weights(weights);
    }

    /// How many requests are under way, and how many wait.
    pub fn load(&self) -> (usize, usize) {
        self.gate.load()
    }

    /// Waits for its turn.
    ///
    /// # Errors
    /// [`Busy`] when too many wait already, or it does not come in time.
    pub async fn acquire(&self, tenant: Option<&Namespace>) -> Result<Permit, Busy> {
        match self.enter(tenant) {
            Ok(permit) => Ok(permit),
            Err(turn) => turn.await,
        }
    }

    /// A permit at once, or what waits for one.
    pub(super) fn enter(
        &self,
        tenant: Option<&Namespace>,
    ) -> Result<Permit, impl Future<Output = Result<Permit, Busy>> + Send + use<>> {
        let told = match self.gate.enter(tenant) {
            Answer::In(permit) => return Ok(permit),
            Answer::Wait(told) => Ok(told),
            Answer::Refused(busy) => Err(busy),
        };
        let wait = self.wait;
        Err(async move {
            match tokio::time::timeout(wait, told?).await {
                Ok(Ok(permit)) => Ok(permit),
                // nobody is sent away while they wait, so it is the time that is over
                Ok(Err(_)) | Err(_) => Err(Busy::TooLate),
            }
        })
    }
}
