//! What the fake keeps: the objects of now, and every change since the start.

use std::collections::BTreeMap;
use std::ops::Bound;

use serde_json::Value;

use super::object;
use super::resource::{NAMESPACES, Resource};

/// Where an object stands. The order is that of the store behind a real API server, by path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    /// The plural with its group.
    pub(super) resource: &'static str,
    /// `namespace/name`, or the name alone.
    pub(super) path: String,
}

impl Key {
    pub(super) fn new(resource: &'static Resource, namespace: &str, name: &str) -> Self {
        Self { resource: resource.qualified, path: Self::new_path(resource, namespace, name) }
    }

    pub(super) fn new_path(resource: &Resource, namespace: &str, name: &str) -> String {
        if resource.namespaced { format!("{namespace}/{name}") } else { name.to_owned() }
    }
}

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happening {
    Added,
    Modified,
    Deleted,
}

/// One change of one object.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) revision: u64,
    pub(super) happening: Happening,
    pub(super) key: Key,
    /// As it is since, or as it was last, with the revision of this change.
    pub(super) object: Value,
    /// As it was before, if it was.
    pub(super) previous: Option<Value>,
}

/// The objects, with one count of revisions for all of them.
#[derive(Clone, Debug)]
pub(super) struct Store {
    objects: BTreeMap<Key, Value>,
    revision: u64,
    /// Nobody may ask for what was before this revision.
    compacted: u64,
    history: Vec<Change>,
}

impl Default for Store {
    fn default() -> Self {
        Self { objects: BTreeMap::new(), revision: 1, compacted: 0, history: Vec::new() }
    }
}

impl Store {
    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    pub(super) fn compacted(&self) -> u64 {
        self.compacted
    }

    /// Forgets how the present came to be.
    ///
    /// Watches that run read on, as they do from the buffers of a real server; only who asks anew is refused.
    pub(super) fn compact(&mut self) {
        // A revision of its own, or who has seen the last change could still go on from it.
        self.revision += 1;
        self.compacted = self.revision;
    }

    pub(super) fn get(&self, key: &Key) -> Option<&Value> {
        self.objects.get(key)
    }

    pub(super) fn find(&self, resource: &'static Resource, namespace: &str, name: &str) -> Option<&Value> {
        self.get(&Key::new(resource, namespace, name))
    }

    /// The objects of one resource in the order of their paths; without a namespace, of all namespaces.
    pub(super) fn list<'a>(
        &'a self,
        resource: &'static Resource,
        namespace: &'a str,
    ) -> impl Iterator<Item = (&'a Key, &'a Value)> {
        within(&self.objects, resource, namespace)
    }

    /// The objects as they are.
    pub(super) fn objects(&self) -> &BTreeMap<Key, Value> {
        &self.objects
    }

    /// The objects as they were right after `revision`.
    pub(super) fn at(&self, revision: u64) -> BTreeMap<Key, Value> {
        let mut objects = self.objects.clone();
        for change in self.history.iter().rev().take_while(|change| change.revision > revision) {
            match &change.previous {
                Some(previous) => objects.insert(change.key.clone(), previous.clone()),
                None => objects.remove(&change.key),
            };
        }
        objects
    }

    /// The changes after `revision`, oldest first.
    pub(super) fn since(&self, revision: u64) -> &[Change] {
        let start = self.history.partition_point(|change| change.revision <= revision);
        self.history.get(start..).unwrap_or_default()
    }

    /// Writes an object, new or not, and returns it as it stands now.
    pub(super) fn put(&mut self, resource: &'static Resource, mut object: Value) -> Value {
        let key = Key::new(resource, object::namespace(&object).as_str(), object::name(&object).as_str());
        self.revision += 1;
        object::set_resource_version(&mut object, self.revision);
        let previous = self.objects.insert(key.clone(), object.clone());
        let happening = if previous.is_some() { Happening::Modified } else { Happening::Added };
        self.history.push(Change {
            revision: self.revision,
            happening,
            key,
            object: object.clone(),
            previous,
        });
        object
    }

    /// Takes an object away and returns it as it was last.
    pub(super) fn remove(&mut self, key: &Key) -> Option<Value> {
        let previous = self.objects.remove(key)?;
        self.revision += 1;
        let mut object = previous.clone();
        object::set_resource_version(&mut object, self.revision);
        self.history.push(Change {
            revision: self.revision,
            happening: Happening::Deleted,
            key: key.clone(),
            object: object.clone(),
            previous: Some(previous),
        });
        Some(object)
    }

    /// Deletes an object, or only marks it if somebody wants to finish first. The second is whether it is gone.
    pub(super) fn delete(&mut self, resource: &'static Resource, key: &Key) -> Option<(Value, bool)> {
        let mut object = self.get(key)?.clone();
        if object::finalizers(&object).is_empty() {
            return Some((self.remove(key)?, true));
        }
        if !object::is_marked(&object) {
            object::mark(&mut object);
            object = self.put(resource, object);
        }
        Some((object, false))
    }

    /// Removes the namespaces that are being deleted and hold nothing any more.
    pub(super) fn settle_namespaces(&mut self) {
        let marked: Vec<Key> = self
            .list(&NAMESPACES, "")
            .filter(|(_, namespace)| object::is_marked(namespace))
            .map(|(key, _)| key.clone())
            .collect();
        for namespace in marked {
            let prefix = format!("{}/", namespace.path);
            if !self.objects.keys().any(|key| key.path.starts_with(&prefix)) {
                self.remove(&namespace);
            }
        }
    }

    /// All that a namespace holds.
    pub(super) fn content(&self, namespace: &str) -> Vec<(&'static Resource, Key)> {
        let prefix = format!("{namespace}/");
        let held = self.objects.keys().filter(|key| key.path.starts_with(&prefix));
        held.filter_map(|key| Some((Resource::of(key.resource)?, key.clone()))).collect()
    }
}

/// The part of `objects` that is of one resource, and of one namespace if one is given.
pub(super) fn within<'a>(
    objects: &'a BTreeMap<Key, Value>,
    resource: &'static Resource,
    namespace: &'a str,
) -> impl Iterator<Item = (&'a Key, &'a Value)> {
    let prefix = if namespace.is_empty() { String::new() } else { format!("{namespace}/") };
    let start = Key { resource: resource.qualified, path: prefix.clone() };
    objects
        .range((Bound::Included(start), Bound::Unbounded))
        .take_while(move |(key, _)| key.resource == resource.qualified && key.path.starts_with(&prefix))
}
