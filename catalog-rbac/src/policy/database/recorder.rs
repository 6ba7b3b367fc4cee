use std::fmt;

use async_trait::async_trait;
use catalog_core::store::{StoreError, database::Transaction};

use crate::engine::object::{Object, ObjectKey};

/// A role or binding that is written or removed.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct PolicyChange<'a> {
    /// Which one.
    pub key: &'a ObjectKey,
    /// What it was; none if it is new.
    pub before: Option<&'a Object>,
    /// What it is; none if it is gone.
    pub after: Option<&'a Object>,
}

/// Records each change of a policy in the change's own transaction.
#[async_trait]
pub trait PolicyRecorder: fmt::Debug + Send + Sync + 'static {
    /// Records it.
    ///
    /// # Errors
    /// Whatever the store of records says; nothing of the policy is changed then.
    async fn record(&self, transaction: &mut Transaction, change: PolicyChange<'_>)
    -> Result<(), StoreError>;
}
