use std::sync::Arc;

use super::{chunked::Chunked, grants::Grants};

/// What somebody is granted in one namespace.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Place {
    pub(super) namespace: u32,
    pub(super) grants: Grants,
}

/// For each subject the namespaces in which bindings name it, sorted by number.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    users: Chunked<Arc<[Place]>>,
    groups: Chunked<Arc<[Place]>>,
}

/// Whether the number is a group's, and its number among those.
fn split(subject: u32) -> (bool, usize) {
    (subject & 1 == 1, (subject >> 1) as usize)
}

impl Places {
    /// From the places of all, each subject's sorted by namespace.
    pub(super) fn build(mut all: Vec<(u32, Place)>, users: usize, groups: usize) -> Self {
        all.sort_by_key(|(subject, _)| *subject);
        let mut of_users = vec![Arc::default(); users];
        let mut of_groups = vec![Arc::default(); groups];
        for places in all.chunk_by(|(a, _), (b, _)| a == b) {
            let Some((subject, _)) = places.first() else { continue };
            let (is_group, number) = split(*subject);
            let of_kind = if is_group { &mut of_groups } else { &mut of_users };
            if let Some(slot) = of_kind.get_mut(number) {
                *slot = places.iter().map(|(_, place)| *place).collect();
            }
        }
        Self { users: of_users.into_iter().collect(), groups: of_groups.into_iter().collect() }
    }

    pub(super) fn of(&self, subject: u32) -> &[Place] {
        let (is_group, number) = split(subject);
        let of_kind = if is_group { &self.groups } else { &self.users };
        of_kind.get(number).map(AsRef::as_ref).unwrap_or_default()
    }

    /// Sets what a subject is granted in a namespace.
    pub(super) fn set(&mut self, subject: u32, namespace: u32, grants: Option<Grants>) {
        let places = self.of(subject);
        let split_at = places.partition_point(|place| place.namespace < namespace);
        let (before, after) = places.split_at(split_at);
        let after = after.iter().skip_while(|place| place.namespace == namespace);
        let place = grants.map(|grants| Place { namespace, grants });
        let changed: Arc<[Place]> = before.iter().chain(place.as_ref()).chain(after).copied().collect();
        let (is_group, number) = split(subject);
        let of_kind = if is_group { &mut self.groups } else { &mut self.users };
        while of_kind.len() <= number {
            of_kind.push(Arc::default());
        }
        of_kind.set(number, changed);
    }
}
