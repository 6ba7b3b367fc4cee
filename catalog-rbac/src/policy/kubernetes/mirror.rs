use std::collections::{BTreeMap, BTreeSet};

use kube::{api::DynamicObject, runtime::watcher::Event};
use tokio::time::Instant;

use super::{KINDS, TOGETHER, read};
use crate::engine::{
    Change,
    object::{Object, ObjectKey, ObjectKind},
};

/// What the cluster has, as far as it told, and what of that is not in force yet.
#[derive(Debug, Default)]
pub(super) struct Mirror {
    known: BTreeMap<ObjectKey, Object>,
    /// What cannot be read.
    left_out: BTreeSet<ObjectKey>,
    /// Lists that are being read.
    lists: BTreeMap<ObjectKind, List>,
    /// The kinds that were read once.
    listed: BTreeSet<ObjectKind>,
    changed: BTreeSet<ObjectKey>,
    /// Whether a policy was built of all of it.
    built: bool,
    due: Option<Instant>,
}

#[derive(Debug, Default)]
struct List {
    objects: BTreeMap<ObjectKey, Object>,
    left_out: BTreeSet<ObjectKey>,
}

/// What is to be done to a policy.
#[derive(Debug)]
pub(super) enum Work {
    /// Build it of those.
    Whole(Vec<Object>),
    /// Change it.
    Changes(Vec<Change>),
}

impl Mirror {
    /// When there will be work to [take](Self::take).
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    pub(super) fn left_out(&self) -> usize {
        self.left_out.len()
    }

    pub(super) fn note(&mut self, kind: ObjectKind, event: Event<DynamicObject>) {
        match event {
            Event::Init => drop(self.lists.insert(kind, List::default())),
            Event::InitApply(object) => {
                let Some((key, object)) = readable(kind, object) else { return };
                let list = self.lists.entry(kind).or_default();
                match object {
                    Some(object) => drop(list.objects.insert(key, object)),
                    None => drop(list.left_out.insert(key)),
                }
            }
            Event::InitDone => self.end_list(kind),
            Event::Apply(object) => {
                let Some((key, object)) = readable(kind, object) else { return };
                if let Some(object) = object {
                    self.left_out.remove(&key);
                    self.put(key, object);
                } else {
                    // what it was before is no longer so
                    self.remove(&key);
                    self.left_out.insert(key);
                }
            }
            Event::Delete(object) => {
                if let Some(key) = read::key(kind, &object) {
                    self.left_out.remove(&key);
                    self.remove(&key);
                }
            }
        }
    }

    /// What came to be due; nothing before everything was read once.
    pub(super) fn take(&mut self) -> Option<Work> {
        self.due.take()?;
        let changed = std::mem::take(&mut self.changed);
        if !std::mem::replace(&mut self.built, true) {
            return Some(Work::Whole(self.known.values().cloned().collect()));
        }
        let change = |key| match self.known.get(&key) {
            Some(object) => Change::Stored(object.clone()),
            None => Change::Remove(key),
        };
        Some(Work::Changes(changed.into_iter().map(change).collect()))
    }

    /// What was taken could not be done, and all of it is to be built then.
    pub(super) fn retry_whole(&mut self, at: Instant) {
        self.built = false;
        self.due = Some(at);
    }

    /// What the list does not have is gone.
    fn end_list(&mut self, kind: ObjectKind) {
        let List { objects, left_out } = self.lists.remove(&kind).unwrap_or_default();
        self.left_out.retain(|key| key.kind != kind);
        self.left_out.extend(left_out);
        let gone = |key: &&ObjectKey| key.kind == kind && !objects.contains_key(*key);
        let gone: Vec<ObjectKey> = self.known.keys().filter(gone).cloned().collect();
        for key in &gone {
            self.remove(key);
        }
        for (key, object) in objects {
            self.put(key, object);
        }
        if self.listed.insert(kind) && self.listed.len() == KINDS.len() {
            self.due = Some(Instant::now());
        }
    }

    fn put(&mut self, key: ObjectKey, object: Object) {
        // annotations, for one, change nothing of it
        if self.known.get(&key) != Some(&object) {
            self.known.insert(key.clone(), object);
            self.change(key);
        }
    }

    fn remove(&mut self, key: &ObjectKey) {
        if self.known.remove(key).is_some() {
            self.change(key.clone());
        }
    }

    fn change(&mut self, key: ObjectKey) {
        self.changed.insert(key);
        // before everything was read there is nothing to be changed
        if self.built && self.due.is_none() {
            self.due = Some(Instant::now() + TOGETHER);
        }
    }
}

/// The object with its key; the key alone if the object cannot be read, and nothing if it can be nobody's.
fn readable(kind: ObjectKind, object: DynamicObject) -> Option<(ObjectKey, Option<Object>)> {
    let Some(key) = read::key(kind, &object) else {
        let (name, namespace) = (object.metadata.name, object.metadata.namespace);
        tracing::warn!(%kind, name, namespace, "an object of the cluster has no name that can be one's");
        return None;
    };
    match read::object(kind, object) {
        Ok(object) => Some((key, Some(object))),
        Err(error) => {
            let error: &dyn std::error::Error = &*error;
            tracing::warn!(object = %key, error, "an object of the cluster cannot be read and is left out");
            Some((key, None))
        }
    }
}
