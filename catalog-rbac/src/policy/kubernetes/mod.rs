//! The policy of a Kubernetes cluster.

mod authorizer;
mod mirror;
mod read;
mod retry;
mod status;

use std::{
    error::Error,
    fmt,
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use catalog_core::clock::{Clock, SystemClock};
use futures_util::{Stream, StreamExt, stream};
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, GroupVersionKind},
    runtime::{
        WatchStreamExt,
        utils::ResetTimerBackoff,
        watcher::{self, watcher},
    },
};
use tokio::{
    task,
    time::{Instant, timeout_at},
};

pub use self::{authorizer::KubernetesAuthorizer, status::KubernetesPolicyStatus};
use self::{
    mirror::{Mirror, Work},
    retry::Retry,
};
use crate::engine::{
    Change, Policy, PolicyHandle,
    object::{Object, ObjectKind, RBAC_GROUP},
};

/// The roles and bindings of a Kubernetes cluster, as its own RBAC reads them, followed by watches while [`run`](Self::run) is polled.
/// Cheap to clone.
///
/// Until all of it was read once it allows nothing. From then on a change counts within some tens of milliseconds after the cluster
/// tells of it; what it told last holds while it does not answer, and what vanished meanwhile goes once it does.
///
/// An object that cannot be read is left out, with a line in the log: rights only add to each other, so that is the safe side. It needs
/// the right to `list` and `watch` `roles`, `rolebindings`, `clusterroles` and `clusterrolebindings` in the whole cluster.
#[derive(Clone)]
pub struct KubernetesPolicy {
    shared: Arc<Shared>,
}

struct Shared {
    client: Client,
    handle: Arc<PolicyHandle>,
    clock: Arc<dyn Clock>,
    synced: AtomicBool,
    status: Mutex<KubernetesPolicyStatus>,
}

const KINDS: [ObjectKind; 4] =
    [ObjectKind::Role, ObjectKind::RoleBinding, ObjectKind::ClusterRole, ObjectKind::ClusterRoleBinding];
/// Changes that come within this time are made together.
const TOGETHER: Duration = Duration::from_millis(20);
/// For how long a watch runs, in seconds: a connection that died without a sign is noticed a little later.
const WATCH_SECONDS: u32 = 60;
/// After this long without a failure a watch is tried again soon: a list that fails begins well each time.
const CALM: Duration = Duration::from_secs(30);
/// When a change that could not be made is tried again.
const AGAIN: Duration = Duration::from_secs(1);

impl KubernetesPolicy {
    /// That of the cluster.
    pub fn new(client: Client) -> Self {
        Self::with_clock(client, Arc::new(SystemClock))
    }

    /// That of the cluster, with another clock for what the [status](Self::status) tells.
    pub fn with_clock(client: Client, clock: Arc<dyn Clock>) -> Self {
        let handle = Arc::new(PolicyHandle::new(Policy::new()));
        let (synced, status) = (AtomicBool::new(false), Mutex::default());
        Self { shared: Arc::new(Shared { client, handle, clock, synced, status }) }
    }

    /// The policy, which allows nothing until it was read; nobody else may change it.
    pub fn handle(&self) -> &Arc<PolicyHandle> {
        &self.shared.handle
    }

    /// Whether everything was read once.
    pub fn is_synced(&self) -> bool {
        self.shared.synced.load(Ordering::Acquire)
    }

    /// How far it is, and what went wrong last.
    pub fn status(&self) -> KubernetesPolicyStatus {
        let status = self.shared.status().clone();
        KubernetesPolicyStatus { synced: self.is_synced(), generation: self.handle().generation(), ..status }
    }

    /// Follows the cluster, for as long as it is polled. It needs a tokio runtime with time.
    pub async fn run(&self) {
        let mut events = pin!(stream::select_all(KINDS.map(|kind| Box::pin(self.shared.watch(kind)))));
        let mut mirror = Mirror::default();
        loop {
            let event = match mirror.due() {
                // also where there is always one more event
                Some(due) if due <= Instant::now() => None,
                Some(due) => timeout_at(due, events.next()).await.ok(),
                None => Some(events.next().await),
            };
            match event {
                None => self.shared.work(&mut mirror).await,
                Some(Some((kind, event))) => self.shared.note(&mut mirror, kind, event),
                // watches do not end
                Some(None) => return,
            }
        }
    }
}

impl Shared {
    fn status(&self) -> MutexGuard<'_, KubernetesPolicyStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watch(
        &self,
        kind: ObjectKind,
    ) -> impl Stream<Item = (ObjectKind, watcher::Result<watcher::Event<DynamicObject>>)> + use<> {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(RBAC_GROUP, "v1", kind.as_str()));
        let api: Api<DynamicObject> = Api::all_with(self.client.clone(), &resource);
        let config = watcher::Config::default().timeout(WATCH_SECONDS);
        watcher(api, config)
            .backoff(ResetTimerBackoff::new(Retry::default(), CALM))
            .map(move |event| (kind, event))
    }

    fn note(
        &self,
        mirror: &mut Mirror,
        kind: ObjectKind,
        event: watcher::Result<watcher::Event<DynamicObject>>,
    ) {
        let now = Some(self.clock.now());
        match event {
            Ok(event) => {
                mirror.note(kind, event);
                let mut status = self.status();
                status.last_event_at = now;
                status.left_out = mirror.left_out();
            }
            Err(error) => {
                let cause: &dyn Error = &error;
                tracing::warn!(error = cause, %kind, "a watch is interrupted and will be tried again");
                let mut status = self.status();
                status.last_error_at = now;
                status.last_error = Some(error.to_string().into());
            }
        }
    }

    /// Puts into force what was noted. That may take some milliseconds, which no other task shall wait for.
    async fn work(&self, mirror: &mut Mirror) {
        let Some(work) = mirror.take() else { return };
        let handle = Arc::clone(&self.handle);
        let done = task::spawn_blocking(move || match work {
            Work::Whole(objects) => Ok(handle.replace(whole(objects))),
            Work::Changes(changes) => handle.apply(changes),
        });
        let error: Box<dyn Error + Send + Sync> = match done.await {
            Ok(Ok(generation)) => {
                if !self.synced.swap(true, Ordering::AcqRel) {
                    tracing::info!(generation, "the policy of the cluster was read");
                }
                return;
            }
            Ok(Err(error)) => error.into(),
            Err(error) => error.into(),
        };
        let error: &dyn Error = &*error;
        tracing::error!(error, "a change of the policy could not be made, and all of it will be built anew");
        mirror.retry_whole(Instant::now() + AGAIN);
    }
}

/// A policy of objects each of which is known to be one.
fn whole(objects: Vec<Object>) -> Policy {
    let mut policy = Policy::new();
    for object in objects {
        if let Err(error) = policy.apply(Change::Stored(object)) {
            let error: &dyn Error = &error;
            tracing::error!(error, "an object of the cluster is left out");
        }
    }
    policy
}

impl fmt::Debug for KubernetesPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KubernetesPolicy").field("status", &self.status()).finish_non_exhaustive()
    }
}
