use std::sync::Arc;

use catalog_core::name::Namespace;

use super::{
    Snapshot,
    bound::{Binding, Bound},
    grants::{Grants, Sets},
};
use crate::engine::object::{Object, ObjectKey};

/// After so many changes all is built anew, so that names that are gone do not pile up.
const PATCHES: usize = 4096;

impl Snapshot {
    /// With another binding in the place of one, if that can be had without building all.
    pub(in crate::engine) fn with_binding(
        &self,
        key: &ObjectKey,
        binding: Option<Binding>,
        generation: u64,
    ) -> Option<Self> {
        if self.patches >= PATCHES || !key.kind.is_binding() {
            return None;
        }
        let mut next = Self { generation, mark: Arc::new(()), patches: self.patches + 1, ..self.clone() };
        let bound = binding.map(|binding| Arc::new(Bound::new(binding, &self.book, &mut next.subjects)));
        match &key.namespace {
            None => next.change_cluster(&key.name, bound),
            Some(namespace) => next.change_namespace(namespace, &key.name, bound),
        }
        Some(next)
    }

    fn change_cluster(&mut self, name: &str, bound: Option<Arc<Bound>>) {
        let old = self.cluster.bindings.get(name).cloned();
        let granted = |subject| self.cluster.get(subject);
        for (subject, grants) in changed(&mut self.sets, granted, old.as_deref(), bound.as_deref()) {
            self.cluster.set(subject, grants);
        }
        self.cluster.bindings = self.cluster.bindings.with(name, bound);
    }

    fn change_namespace(&mut self, namespace: &Namespace, name: &str, bound: Option<Arc<Bound>>) {
        let number = self.namespaces.intern(namespace);
        let table = self.table(namespace.as_str()).cloned().unwrap_or_default();
        let bindings = self.namespaces.bindings.get(number as usize).cloned().unwrap_or_default();
        let old = bindings.get(name).cloned();
        let mut next = table.clone();
        for (subject, grants) in
            changed(&mut self.sets, |subject| table.get(subject), old.as_deref(), bound.as_deref())
        {
            next = next.with(subject, grants);
            self.places.set(subject, number, grants);
        }
        self.namespaces.tables.set(namespace.as_str(), next);
        self.namespaces.bindings.set(number as usize, bindings.with(name, bound));
    }
}

/// What each subject of either binding is granted once the one has taken the other's place.
fn changed(
    sets: &mut Sets,
    granted: impl Fn(u32) -> Option<Grants>,
    old: Option<&Bound>,
    new: Option<&Bound>,
) -> Vec<(u32, Option<Grants>)> {
    let subjects =
        |bound: Option<&Bound>| -> Vec<u32> { bound.into_iter().flat_map(Bound::distinct).collect() };
    let (before, after) = (subjects(old), subjects(new));
    let mut all: Vec<u32> = before.iter().chain(&after).copied().collect();
    all.sort_unstable();
    all.dedup();
    all.into_iter()
        .map(|subject| {
            let mut grants = granted(subject);
            if let Some(old) = old.filter(|_| before.contains(&subject)) {
                grants = sets.without(grants, old.list);
            }
            if let Some(new) = new.filter(|_| after.contains(&subject)) {
                grants = sets.with(grants, new.list);
            }
            (subject, grants)
        })
        .collect()
}

impl Binding {
    /// The binding of an object, if it is one.
    pub(in crate::engine) fn of(object: &Object) -> Option<Self> {
        match object {
            Object::RoleBinding(binding) => Some(Self::Namespaced(Arc::clone(binding))),
            Object::ClusterRoleBinding(binding) => Some(Self::Cluster(Arc::clone(binding))),
            Object::Role(_) | Object::ClusterRole(_) => None,
        }
    }
}
