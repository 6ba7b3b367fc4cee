use std::sync::Arc;

use catalog_core::clock::Timestamp;

/// How far a [`KubernetesPolicy`](super::KubernetesPolicy) is.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct KubernetesPolicyStatus {
    /// Whether everything was read once.
    pub synced: bool,
    /// The number of the policy in force; 1 is nothing at all.
    pub generation: u64,
    /// How many objects are left out, since they cannot be read.
    pub left_out: usize,
    /// When the cluster told of an object last. Where nothing changes, that may be long ago.
    pub last_event_at: Option<Timestamp>,
    /// When a watch failed last. While the cluster cannot be reached, each of them does at least every few seconds, or as often as
    /// the client gives up to connect; that one works again is not told.
    pub last_error_at: Option<Timestamp>,
    /// What failed then.
    pub last_error: Option<Arc<str>>,
}
