//! Which tenants there are: one source a file.

#[cfg(feature = "cache")]
mod cached;
mod configured;
#[cfg(feature = "kube")]
mod kubernetes;
#[cfg(feature = "_sql")]
mod sql;

pub use catalog_core::directory::{
    DirectoryError, NamespaceDirectory, NamespaceRecord, NotAdmitted, Peeked, Phase, admit,
};

#[cfg(feature = "cache")]
pub use self::cached::CachedDirectory;
pub use self::configured::ConfiguredDirectory;
#[cfg(feature = "kube")]
pub use self::kubernetes::{DISPLAY_NAME, KubernetesDirectory, SUSPENDED};
#[cfg(feature = "_sql")]
pub use self::sql::{Deleted, MIGRATIONS, NamespaceChange, SqlNamespaceStore};
