//! Where a policy comes from: sources that keep a [`PolicyHandle`](crate::engine::PolicyHandle) as they are.

#[cfg(feature = "_sql")]
pub mod database;
#[cfg(feature = "files")]
mod files;
#[cfg(feature = "kube")]
mod kubernetes;

#[cfg(feature = "files")]
pub use self::files::{FilePolicy, FilePolicyError, FilePolicyStatus};
#[cfg(feature = "kube")]
pub use self::kubernetes::{KubernetesAuthorizer, KubernetesPolicy, KubernetesPolicyStatus};
