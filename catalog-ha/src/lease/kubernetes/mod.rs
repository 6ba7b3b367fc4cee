//! Leases of Kubernetes, as its own electors have them.

mod call;
mod watch;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
    jiff::Timestamp,
};
use kube::{Api, Client, ResourceExt, api::ObjectMeta};

use self::{call::Calls, watch::Watched};
use super::{Claim, LeaseError, LeaseErrorKind, LeaseName, LeaseRecord, LeaseStore, Version};

/// Leases of the group `coordination.k8s.io` in one namespace of a cluster. Clones are one store.
///
/// What it writes is what the electors of Kubernetes' own libraries write, so that either side respects the other's hold. Every write names
/// the `resourceVersion` that it replaces. The times within a lease are written for people and never compared.
///
/// The identity needs the verbs `get`, `create` and `update` for leases; with `list` and `watch` it hears at once of a lease that passes
/// on, and without them it finds that out.
#[derive(Clone)]
pub struct KubernetesLeaseStore {
    calls: Calls,
    api: Api<Lease>,
    shared: Arc<Mutex<BTreeMap<LeaseName, Known>>>,
}

/// What is kept of one lease.
#[derive(Default)]
struct Known {
    /// As it was last read or written, with what others have put there: a write leaves that as it is.
    last: Option<Lease>,
    watched: Option<Watched>,
}

impl KubernetesLeaseStore {
    /// In that namespace.
    pub fn new(client: Client, namespace: &str) -> Self {
        let api: Api<Lease> = Api::namespaced(client.clone(), namespace);
        Self { calls: Calls::new(client, api.resource_url().to_owned()), api, shared: Arc::default() }
    }

    fn with<T>(&self, name: &LeaseName, change: impl FnOnce(&mut Known) -> T) -> T {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        change(shared.entry(name.clone()).or_default())
    }

    /// What was last seen, if that is of the version.
    fn last(&self, name: &LeaseName, version: &Version) -> Result<Lease, LeaseError> {
        let last = self.with(name, |known| known.last.clone());
        let same = last.filter(|last| last.resource_version().as_deref() == Some(version.as_str()));
        same.ok_or_else(|| LeaseErrorKind::Conflict.into())
    }

    /// Remembers what stands there now, and gives its version.
    fn keep(&self, name: &LeaseName, lease: Lease) -> Result<Version, LeaseError> {
        let version = version(&lease)?;
        self.with(name, |known| known.last = Some(lease));
        Ok(version)
    }
}

impl LeaseStore for KubernetesLeaseStore {
    async fn read(&self, name: &LeaseName) -> Result<Option<LeaseRecord>, LeaseError> {
        let lease = self.calls.get(name).await?;
        self.with(name, |known| known.last.clone_from(&lease));
        lease.map(|lease| record(&lease)).transpose()
    }

    async fn claim(&self, name: &LeaseName, claim: &Claim) -> Result<Version, LeaseError> {
        let lease = match &claim.replaces {
            None => {
                let name = Some(name.as_str().to_owned());
                Lease { metadata: ObjectMeta { name, ..ObjectMeta::default() }, spec: Some(first(claim)) }
            }
            Some(version) => renewed(self.last(name, version)?, claim),
        };
        let written = match &claim.replaces {
            None => self.calls.create(&lease).await?,
            Some(_) => self.calls.replace(name, &lease).await?,
        };
        self.keep(name, written)
    }

    async fn release(&self, name: &LeaseName, holder: &str, version: &Version) -> Result<(), LeaseError> {
        let mut lease = self.last(name, version)?;
        let spec = lease.spec.get_or_insert_default();
        if spec.holder_identity.as_deref() != Some(holder) {
            return Err(LeaseErrorKind::Conflict.into());
        }
        let now = MicroTime(Timestamp::now());
        spec.holder_identity = Some(String::new());
        // the shortest that the cluster takes
        spec.lease_duration_seconds = Some(1);
        spec.renew_time = Some(now.clone());
        spec.acquire_time = Some(now);
        let released = self.calls.replace(name, &lease).await?;
        self.keep(name, released).map(drop)
    }

    async fn changed(&self, name: &LeaseName) {
        let heard = self.with(name, |known| {
            let watched = known.watched.get_or_insert_with(|| Watched::follow(self.api.clone(), name));
            watched.heard()
        });
        heard.notified().await;
    }
}

fn first(claim: &Claim) -> LeaseSpec {
    let now = MicroTime(Timestamp::now());
    LeaseSpec {
        holder_identity: Some(claim.holder.clone()),
        lease_duration_seconds: Some(seconds(claim.duration)),
        acquire_time: Some(now.clone()),
        renew_time: Some(now),
        lease_transitions: Some(0),
        ..LeaseSpec::default()
    }
}

/// What stands there, held by the claim's holder.
fn renewed(mut lease: Lease, claim: &Claim) -> Lease {
    let spec = lease.spec.get_or_insert_default();
    let now = MicroTime(Timestamp::now());
    if spec.holder_identity.as_ref() != Some(&claim.holder) {
        spec.acquire_time = Some(now.clone());
        spec.lease_transitions = Some(spec.lease_transitions.unwrap_or(0).saturating_add(1));
    }
    spec.holder_identity = Some(claim.holder.clone());
    spec.lease_duration_seconds = Some(seconds(claim.duration));
    spec.renew_time = Some(now);
    lease
}

/// The cluster has whole seconds; one that it takes for longer is on the safe side.
fn seconds(duration: Duration) -> i32 {
    let up = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    i32::try_from(up).unwrap_or(i32::MAX).max(1)
}

fn record(lease: &Lease) -> Result<LeaseRecord, LeaseError> {
    let spec = lease.spec.clone().unwrap_or_default();
    let duration = u64::try_from(spec.lease_duration_seconds.unwrap_or(0)).unwrap_or(0);
    let heartbeat =
        serde_json::to_string(&spec).map_err(|error| LeaseError::new(LeaseErrorKind::Corrupt, error))?;
    Ok(LeaseRecord {
        holder: spec.holder_identity.filter(|holder| !holder.is_empty()),
        version: version(lease)?,
        heartbeat,
        duration: Duration::from_secs(duration),
        remaining: None,
    })
}

fn version(lease: &Lease) -> Result<Version, LeaseError> {
    let version = lease.resource_version();
    version
        .map(Version::new)
        .ok_or_else(|| LeaseError::new(LeaseErrorKind::Corrupt, "the lease has no version"))
}

impl fmt::Debug for KubernetesLeaseStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KubernetesLeaseStore").field("api", &self.api).finish_non_exhaustive()
    }
}
