use std::{
    collections::BTreeMap,
    pin::pin,
    sync::{Arc, PoisonError, RwLock},
};

use async_trait::async_trait;
use catalog_core::{
    directory::{DirectoryError, NamespaceDirectory, NamespaceRecord, Peeked, Phase},
    name::Namespace,
    tenant::TenantScope,
};
use futures_util::StreamExt;
use kube::{
    Api, Client, ResourceExt,
    api::{ApiResource, DynamicObject, GroupVersionKind},
    runtime::{WatchStreamExt, watcher},
};

use super::configured::within;

/// The tenants that a Kubernetes cluster has: its namespaces, or those of them that have a label, or Kubeflow's profiles. It
/// follows a watch, so it knows without asking; what it was told last holds while the cluster does not answer.
///
/// A namespace that is being deleted is [`Terminating`](Phase::Terminating), and one with the label [`SUSPENDED`] suspended.
#[derive(Clone, Debug)]
pub struct KubernetesDirectory {
    api: Api<DynamicObject>,
    watched: watcher::Config,
    known: Arc<RwLock<Known>>,
}

type Records = BTreeMap<Namespace, Arc<NamespaceRecord>>;

/// What the watch has told; nothing until it has told everything once.
type Known = Option<Records>;

/// The label by which a tenant is suspended, where it is `true`.
pub const SUSPENDED: &str = "catalog.kubeflow.org/suspended";
/// The annotation that says how people call a tenant.
pub const DISPLAY_NAME: &str = "catalog.kubeflow.org/display-name";

impl KubernetesDirectory {
    /// Namespaces that the label selector selects: `catalog.kubeflow.org/tenant=true`; all of them where there is none.
    pub fn namespaces(client: Client, selector: Option<&str>) -> Self {
        Self::new(client, &GroupVersionKind::gvk("", "v1", "Namespace"), selector)
    }

    /// Kubeflow's profiles, each of which has a namespace of its name.
    pub fn profiles(client: Client, selector: Option<&str>) -> Self {
        Self::new(client, &GroupVersionKind::gvk("kubeflow.org", "v1", "Profile"), selector)
    }

    fn new(client: Client, kind: &GroupVersionKind, selector: Option<&str>) -> Self {
        let watched = selector.into_iter().fold(watcher::Config::default(), watcher::Config::labels);
        let api = Api::all_with(client, &ApiResource::from_gvk(kind));
        Self { api, watched, known: Arc::default() }
    }

    /// Whether everything has been read once.
    pub fn is_synced(&self) -> bool {
        self.known.read().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Follows the watch, for as long as it is polled. Until it has read everything the directory gives no answer.
    pub async fn run(&self) {
        let events = watcher(self.api.clone(), self.watched.clone()).default_backoff();
        let (mut events, mut read) = (pin!(events), Records::new());
        while let Some(event) = events.next().await {
            match event {
                Ok(watcher::Event::Init) => read.clear(),
                Ok(watcher::Event::InitApply(object)) => put(&mut read, &object),
                Ok(watcher::Event::InitDone) => self.change(|known| *known = Some(std::mem::take(&mut read))),
                Ok(watcher::Event::Apply(object)) => {
                    self.change(|known| put(known.get_or_insert_default(), &object));
                }
                Ok(watcher::Event::Delete(object)) => self.change(|known| {
                    if let (Some(known), Ok(name)) = (known, object.name_any().parse::<Namespace>()) {
                        known.remove(&name);
                    }
                }),
                Err(error) => {
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(error, "the watch of namespaces is interrupted and will be tried again");
                }
            }
        }
    }

    fn change(&self, change: impl FnOnce(&mut Known)) {
        change(&mut self.known.write().unwrap_or_else(PoisonError::into_inner));
    }

    fn with<T>(&self, read: impl FnOnce(&Records) -> T) -> Option<T> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).as_ref().map(read)
    }
}

fn put(records: &mut Records, object: &DynamicObject) {
    // a name that is none of a tenant's is none of a namespace's
    let Ok(name) = object.name_any().parse::<Namespace>() else { return };
    let phase = if object.metadata.deletion_timestamp.is_some() {
        Phase::Terminating
    } else if object.labels().get(SUSPENDED).is_some_and(|value| value == "true") {
        Phase::Suspended
    } else {
        Phase::Active
    };
    let record = NamespaceRecord {
        name: name.clone(),
        display_name: object.annotations().get(DISPLAY_NAME).cloned(),
        labels: object.labels().clone(),
        phase,
    };
    records.insert(name, Arc::new(record));
}

fn unread() -> DirectoryError {
    DirectoryError::new("the namespaces of the cluster have not been read yet")
}

#[async_trait]
impl NamespaceDirectory for KubernetesDirectory {
    async fn find(&self, name: &Namespace) -> Result<Option<Arc<NamespaceRecord>>, DirectoryError> {
        self.with(|records| records.get(name).cloned()).ok_or_else(unread)
    }

    fn peek(&self, name: &Namespace) -> Peeked {
        self.with(|records| records.get(name).cloned()).map_or(Peeked::Unsure, Peeked::from)
    }

    async fn list(
        &self,
        scope: &TenantScope,
        after: Option<&Namespace>,
        most: usize,
    ) -> Result<Vec<Arc<NamespaceRecord>>, DirectoryError> {
        self.with(|records| within(records, scope, after, most)).ok_or_else(unread)
    }
}
