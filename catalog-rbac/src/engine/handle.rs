use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::{ArcSwap, Guard};

use super::{
    object::{Object, ObjectKey},
    policy::{Change, Policy, PolicyError},
    snapshot::{Binding, Snapshot},
};

/// A policy that can be changed while it is asked: who asks has a snapshot, and the next one has the next.
///
/// A change is in force once the call that makes it returns. One that is refused changes nothing.
#[derive(Debug)]
pub struct PolicyHandle {
    current: ArcSwap<Snapshot>,
    /// What the current snapshot is of; whoever holds it may set the next.
    policy: Mutex<Policy>,
}

impl PolicyHandle {
    /// Of a policy, as generation 1.
    pub fn new(policy: Policy) -> Self {
        Self { current: ArcSwap::from_pointee(Snapshot::build(&policy, 1)), policy: Mutex::new(policy) }
    }

    /// The snapshot to ask now. Held only for a moment, it costs next to nothing.
    pub fn load(&self) -> Guard<Arc<Snapshot>> {
        self.current.load()
    }

    /// The snapshot to ask for as long as wanted.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// The number of the state in force.
    pub fn generation(&self) -> u64 {
        self.load().generation()
    }

    /// Puts another policy into force, and gives its generation.
    pub fn replace(&self, policy: Policy) -> u64 {
        let mut current = self.policy();
        let generation = self.generation() + 1;
        self.current.store(Arc::new(Snapshot::build(&policy, generation)));
        *current = policy;
        generation
    }

    /// Writes one object, and gives the generation in which it counts.
    ///
    /// # Errors
    /// [`PolicyError`] if Kubernetes would not store it.
    pub fn put(&self, object: impl Into<Object>) -> Result<u64, PolicyError> {
        self.apply([Change::Put(object.into())])
    }

    /// Removes one object, and gives the generation from which it no longer counts.
    pub fn remove(&self, key: &ObjectKey) -> u64 {
        let mut policy = self.policy();
        policy.remove(key);
        self.publish(&policy, std::slice::from_ref(key))
    }

    /// Makes changes together, and gives the generation in which all of them count.
    ///
    /// One binding costs some microseconds; a role, or very many bindings, cost as much as the whole policy does.
    ///
    /// # Errors
    /// [`PolicyError`] if one of them is refused; then none is made.
    pub fn apply(&self, changes: impl IntoIterator<Item = Change>) -> Result<u64, PolicyError> {
        let mut policy = self.policy();
        let keys = policy.apply_all(changes)?;
        Ok(self.publish(&policy, &keys))
    }

    /// Puts the policy into force, which differs from that in force by those objects.
    fn publish(&self, policy: &Policy, keys: &[ObjectKey]) -> u64 {
        let current = self.snapshot();
        if keys.is_empty() {
            return current.generation();
        }
        let generation = current.generation() + 1;
        let patched = || {
            let mut keys = keys.iter().filter(|_| keys.len() <= MANY);
            let first = keys.next()?;
            let patch = |snapshot: &Snapshot, key: &ObjectKey| {
                let binding = policy.get(key).as_ref().and_then(Binding::of);
                snapshot.with_binding(key, binding, generation)
            };
            keys.try_fold(patch(&current, first)?, |snapshot, key| patch(&snapshot, key))
        };
        let next = patched().unwrap_or_else(|| Snapshot::build(policy, generation));
        self.current.store(Arc::new(next));
        generation
    }

    fn policy(&self) -> MutexGuard<'_, Policy> {
        // a policy is whole at every moment at which its holder could panic
        self.policy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// From so many changes on it is less work to build all.
const MANY: usize = 256;
