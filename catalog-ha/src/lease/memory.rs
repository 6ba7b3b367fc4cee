use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::Notify;

use super::{Claim, LeaseError, LeaseErrorKind, LeaseName, LeaseRecord, LeaseStore, Version};

/// Leases in the memory of one process: for tests, and for a service that is one process. Clones are the same store.
#[derive(Clone, Debug, Default)]
pub struct MemoryLeaseStore {
    leases: Arc<Mutex<BTreeMap<LeaseName, Stored>>>,
    changed: Arc<Notify>,
}

#[derive(Clone, Debug)]
struct Stored {
    version: u64,
    claim: Claim,
}

impl MemoryLeaseStore {
    /// Without any.
    pub fn new() -> Self {
        Self::default()
    }

    /// Removes a lease, as a careless hand would.
    pub fn remove(&self, name: &LeaseName) {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
        self.changed.notify_waiters();
    }
}

impl LeaseStore for MemoryLeaseStore {
    async fn read(&self, name: &LeaseName) -> Result<Option<LeaseRecord>, LeaseError> {
        let leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(leases.get(name).map(|stored| LeaseRecord {
            holder: Some(stored.claim.holder.clone()).filter(|holder| !holder.is_empty()),
            version: Version::new(stored.version.to_string()),
            heartbeat: stored.version.to_string(),
            duration: stored.claim.duration,
            remaining: None,
        }))
    }

    async fn claim(&self, name: &LeaseName, claim: &Claim) -> Result<Version, LeaseError> {
        let mut leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
        let stands = leases.get(name).map(|stored| stored.version);
        if stands.map(|version| version.to_string()).as_deref()
            != claim.replaces.as_ref().map(Version::as_str)
        {
            return Err(LeaseErrorKind::Conflict.into());
        }
        let version = stands.unwrap_or(0) + 1;
        leases.insert(name.clone(), Stored { version, claim: claim.clone() });
        Ok(Version::new(version.to_string()))
    }

    async fn release(&self, name: &LeaseName, holder: &str, version: &Version) -> Result<(), LeaseError> {
        let mut leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
        let own = leases
            .get_mut(name)
            .filter(|stored| stored.claim.holder == holder && stored.version.to_string() == version.as_str());
        let stored = own.ok_or(LeaseErrorKind::Conflict)?;
        stored.version += 1;
        stored.claim.holder.clear();
        drop(leases);
        self.changed.notify_waiters();
        Ok(())
    }

    async fn changed(&self, _: &LeaseName) {
        self.changed.notified().await;
    }
}
