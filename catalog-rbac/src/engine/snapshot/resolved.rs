use std::sync::Arc;

use super::{Snapshot, grants::Grants};
use crate::engine::Caller;

/// A caller whose names were looked up in one snapshot, for many questions to it.
#[derive(Clone, Debug)]
pub struct ResolvedIdentity {
    mark: Arc<()>,
    /// What is granted to it in the whole cluster.
    cluster: Box<[Grants]>,
    /// Those of its numbers that bindings of namespaces name.
    subjects: Box<[u32]>,
}

/// The identity was resolved by another snapshot, whose numbers mean nothing here.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the identity was resolved by another state of the policy")]
pub struct Stale;

impl Snapshot {
    /// Looks up the names of a caller, once for many questions.
    pub fn resolve<'a>(&self, caller: impl Into<Caller<'a>>) -> ResolvedIdentity {
        let numbers = self.subjects.of(caller.into()).to_vec();
        ResolvedIdentity {
            mark: Arc::clone(&self.mark),
            cluster: numbers.iter().filter_map(|number| self.cluster.get(*number)).collect(),
            subjects: numbers.into_iter().filter(|number| !self.places.of(*number).is_empty()).collect(),
        }
    }
}

impl ResolvedIdentity {
    /// Whether it is of that snapshot.
    pub fn is_of(&self, snapshot: &Snapshot) -> bool {
        Arc::ptr_eq(&self.mark, &snapshot.mark)
    }

    pub(super) fn of(&self, snapshot: &Snapshot) -> Result<(&[Grants], &[u32]), Stale> {
        if self.is_of(snapshot) { Ok((&self.cluster, &self.subjects)) } else { Err(Stale) }
    }
}
