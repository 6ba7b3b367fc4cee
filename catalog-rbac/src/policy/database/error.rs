use catalog_core::store::StoreError;

use crate::engine::PolicyError;

/// Why a policy in the database is not read or not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SqlPolicyError {
    /// The database fails.
    #[error("the policy's tables cannot be used")]
    Store(#[from] StoreError),
    /// Kubernetes would not store an object; nothing was changed.
    #[error(transparent)]
    Policy(#[from] PolicyError),
}
