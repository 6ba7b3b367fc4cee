use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::{FenceStore, FencingToken};
use crate::lease::{LeaseError, LeaseErrorKind, LeaseName};

/// Tokens in the memory of one process: for tests, and for work that writes to no database. Clones are the same store.
#[derive(Clone, Debug, Default)]
pub struct MemoryFenceStore {
    newest: Arc<Mutex<BTreeMap<LeaseName, i64>>>,
}

impl MemoryFenceStore {
    /// Without any.
    pub fn new() -> Self {
        Self::default()
    }
}

impl FenceStore for MemoryFenceStore {
    async fn newest(&self, name: &LeaseName) -> Result<FencingToken, LeaseError> {
        let tokens = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(FencingToken { timeline: 0, number: tokens.get(name).copied().unwrap_or(0) })
    }

    async fn raise(
        &self,
        name: &LeaseName,
        newest: FencingToken,
        _: &str,
    ) -> Result<FencingToken, LeaseError> {
        let mut tokens = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let number = tokens.entry(name.clone()).or_default();
        if *number != newest.number {
            return Err(LeaseErrorKind::Conflict.into());
        }
        *number += 1;
        Ok(FencingToken { timeline: 0, number: *number })
    }
}
