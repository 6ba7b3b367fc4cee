//! The collection of objects that decisions follow from.

mod change;
mod fault;
mod manifest;
mod validate;

use std::{collections::BTreeMap, sync::Arc};

use catalog_core::name::Namespace;

pub use self::{
    change::Change,
    fault::{Fault, PolicyError},
};
use super::object::{ClusterRole, ClusterRoleBinding, Object, ObjectKey, ObjectKind, Role, RoleBinding};

/// By namespace and name.
pub(super) type Namespaced<T> = BTreeMap<Namespace, BTreeMap<String, Arc<T>>>;

/// Roles and bindings, each checked as Kubernetes checks it before it is stored.
///
/// A [`Snapshot`](super::Snapshot) is compiled from it, and a [`PolicyHandle`](super::PolicyHandle) keeps both together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    pub(super) roles: Namespaced<Role>,
    pub(super) cluster_roles: BTreeMap<String, Arc<ClusterRole>>,
    pub(super) role_bindings: Namespaced<RoleBinding>,
    pub(super) cluster_role_bindings: BTreeMap<String, Arc<ClusterRoleBinding>>,
}

impl Policy {
    /// Nothing, which allows nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads manifests, YAML or JSON, of any number of documents: objects of `rbac.authorization.k8s.io/v1` and lists of them.
    ///
    /// # Errors
    /// [`PolicyError`] with every fault that is found, each with its line, object and field.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        Self::from_manifests([("", text)])
    }

    /// Reads manifests, each with the name of its file for errors to tell.
    ///
    /// # Errors
    /// [`PolicyError`] with every fault of every file. An object that stands twice is one.
    pub fn from_manifests<'a>(
        manifests: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, PolicyError> {
        manifest::read(manifests)
    }

    /// Adds an object.
    ///
    /// # Errors
    /// [`PolicyError`] if Kubernetes would not store it, or if there is one of its key.
    pub fn add(&mut self, object: impl Into<Object>) -> Result<(), PolicyError> {
        let object = object.into();
        let key = validate::check(&object)?;
        if self.get(&key).is_some() {
            return Err(Fault::new("metadata.name", "the object stands twice").of(&key).into());
        }
        self.insert(key, object);
        Ok(())
    }

    /// Makes a change, and gives the object that was there before.
    ///
    /// # Errors
    /// [`PolicyError`] if Kubernetes would not store the object; nothing is changed.
    pub fn apply(&mut self, change: Change) -> Result<Option<Object>, PolicyError> {
        let key = self.check(&change)?;
        Ok(match change {
            Change::Put(object) | Change::Stored(object) => self.insert(key, object),
            Change::Remove(_) => self.remove(&key),
        })
    }

    /// Makes changes one after the other, and gives the keys of what they touch; or makes none.
    pub(super) fn apply_all(
        &mut self,
        changes: impl IntoIterator<Item = Change>,
    ) -> Result<Vec<ObjectKey>, PolicyError> {
        let mut made: Vec<(ObjectKey, Option<Object>)> = Vec::new();
        for change in changes {
            match self.check(&change).and_then(|key| Ok((key, self.apply(change)?))) {
                Ok(change) => made.push(change),
                Err(error) => {
                    for (key, before) in made.into_iter().rev() {
                        match before {
                            Some(before) => self.insert(key, before),
                            None => self.remove(&key),
                        };
                    }
                    return Err(error);
                }
            }
        }
        Ok(made.into_iter().map(|(key, _)| key).collect())
    }

    /// The key of what a change touches, if it may be made.
    fn check(&self, change: &Change) -> Result<ObjectKey, PolicyError> {
        match change {
            Change::Put(object) => {
                let key = validate::check(object)?;
                if let Some(before) = self.get(&key) {
                    validate::check_replacement(&key, &before, object)?;
                }
                Ok(key)
            }
            Change::Stored(object) => validate::key(object),
            Change::Remove(key) => Ok(key.clone()),
        }
    }

    /// The object of that key.
    pub fn get(&self, key: &ObjectKey) -> Option<Object> {
        fn of<T>(all: &Namespaced<T>, key: &ObjectKey) -> Option<Arc<T>> {
            all.get(key.namespace.as_ref()?)?.get(&key.name).cloned()
        }
        match key.kind {
            ObjectKind::Role => of(&self.roles, key).map(Object::Role),
            ObjectKind::RoleBinding => of(&self.role_bindings, key).map(Object::RoleBinding),
            ObjectKind::ClusterRole => self.cluster_roles.get(&key.name).cloned().map(Object::ClusterRole),
            ObjectKind::ClusterRoleBinding => {
                self.cluster_role_bindings.get(&key.name).cloned().map(Object::ClusterRoleBinding)
            }
        }
    }

    /// Every object, roles first.
    pub fn objects(&self) -> impl Iterator<Item = Object> {
        self.entries().map(|(_, object)| object)
    }

    /// Every object with its key, roles first.
    pub fn entries(&self) -> impl Iterator<Item = (ObjectKey, Object)> {
        fn namespaced<T>(
            all: &Namespaced<T>,
            kind: ObjectKind,
            object: fn(Arc<T>) -> Object,
        ) -> impl Iterator<Item = (ObjectKey, Object)> {
            all.iter().flat_map(move |(namespace, of_namespace)| {
                of_namespace.iter().map(move |(name, found)| {
                    let namespace = Some(namespace.clone());
                    (ObjectKey { kind, namespace, name: name.clone() }, object(Arc::clone(found)))
                })
            })
        }
        fn of_cluster<T>(
            all: &BTreeMap<String, Arc<T>>,
            kind: ObjectKind,
            object: fn(Arc<T>) -> Object,
        ) -> impl Iterator<Item = (ObjectKey, Object)> {
            all.iter().map(move |(name, found)| {
                (ObjectKey { kind, namespace: None, name: name.clone() }, object(Arc::clone(found)))
            })
        }
        namespaced(&self.roles, ObjectKind::Role, Object::Role)
            .chain(of_cluster(&self.cluster_roles, ObjectKind::ClusterRole, Object::ClusterRole))
            .chain(namespaced(&self.role_bindings, ObjectKind::RoleBinding, Object::RoleBinding))
            .chain(of_cluster(
                &self.cluster_role_bindings,
                ObjectKind::ClusterRoleBinding,
                Object::ClusterRoleBinding,
            ))
    }

    /// How many bindings there are.
    pub fn bindings(&self) -> usize {
        self.cluster_role_bindings.len() + self.role_bindings.values().map(BTreeMap::len).sum::<usize>()
    }

    /// Puts an object in the place of its key. A namespace is there exactly if the kind has one: `validate::key` saw to it.
    fn insert(&mut self, key: ObjectKey, object: Object) -> Option<Object> {
        fn into<T>(all: &mut Namespaced<T>, key: ObjectKey, object: Arc<T>) -> Option<Arc<T>> {
            all.entry(key.namespace?).or_default().insert(key.name, object)
        }
        match object {
            Object::Role(role) => into(&mut self.roles, key, role).map(Object::Role),
            Object::RoleBinding(binding) => {
                into(&mut self.role_bindings, key, binding).map(Object::RoleBinding)
            }
            Object::ClusterRole(role) => self.cluster_roles.insert(key.name, role).map(Object::ClusterRole),
            Object::ClusterRoleBinding(binding) => {
                self.cluster_role_bindings.insert(key.name, binding).map(Object::ClusterRoleBinding)
            }
        }
    }

    pub(super) fn remove(&mut self, key: &ObjectKey) -> Option<Object> {
        fn from<T>(all: &mut Namespaced<T>, key: &ObjectKey) -> Option<Arc<T>> {
            let namespace = key.namespace.as_ref()?;
            let of_namespace = all.get_mut(namespace)?;
            let removed = of_namespace.remove(&key.name);
            if of_namespace.is_empty() {
                all.remove(namespace);
            }
            removed
        }
        match key.kind {
            ObjectKind::Role => from(&mut self.roles, key).map(Object::Role),
            ObjectKind::RoleBinding => from(&mut self.role_bindings, key).map(Object::RoleBinding),
            ObjectKind::ClusterRole => self.cluster_roles.remove(&key.name).map(Object::ClusterRole),
            ObjectKind::ClusterRoleBinding => {
                self.cluster_role_bindings.remove(&key.name).map(Object::ClusterRoleBinding)
            }
        }
    }
}
