//! Where a policy comes from: sources that keep a [`PolicyHandle`](crate::engine::PolicyHandle) as they are.

#[cfg(feature = "files")]
mod files;

#[cfg(feature = "files")]
pub use self::files::{FilePolicy, FilePolicyError, FilePolicyStatus};
