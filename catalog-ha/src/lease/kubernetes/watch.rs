use std::{pin::pin, sync::Arc};

use futures_util::StreamExt;
use k8s_openapi::api::coordination::v1::Lease;
use kube::{
    Api,
    runtime::{WatchStreamExt, watcher::watch_object},
};
use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;

use crate::lease::LeaseName;

/// A lease that is watched, for as long as this is kept.
pub(super) struct Watched {
    heard: Arc<Notify>,
    _task: AbortOnDropHandle<()>,
}

impl Watched {
    pub(super) fn follow(api: Api<Lease>, name: &LeaseName) -> Self {
        let heard = Arc::new(Notify::new());
        let task = tokio::spawn({
            let (heard, name) = (Arc::clone(&heard), name.clone());
            async move { follow(api, &name, &heard).await }
        });
        Self { heard, _task: AbortOnDropHandle::new(task) }
    }

    /// Notified when another one holds the lease, or nobody.
    pub(super) fn heard(&self) -> Arc<Notify> {
        Arc::clone(&self.heard)
    }
}

/// Renewals are no news. What one is not told while the watch is broken one finds out by looking.
async fn follow(api: Api<Lease>, name: &LeaseName, heard: &Notify) {
    let mut events = pin!(watch_object(api, name.as_str()).default_backoff());
    let mut before = None;
    while let Some(event) = events.next().await {
        match event {
            Ok(lease) => {
                let holder = lease.and_then(|lease| lease.spec).and_then(|spec| spec.holder_identity);
                if before.as_ref().is_some_and(|before| *before != holder) {
                    heard.notify_waiters();
                }
                before = Some(holder);
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::debug!(lease = %name, error, "the lease is not watched");
            }
        }
    }
}
