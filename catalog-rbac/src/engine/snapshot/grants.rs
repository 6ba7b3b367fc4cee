use std::{collections::HashMap, sync::Arc};

use foldhash::fast::RandomState;

use super::chunked::Chunked;

/// The rule lists that bindings give to a subject in one place: one, or a set of them.
///
/// Each stands in it as often as bindings give it, so that one of them can go.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Grants(u32);

/// Says that the rest is the number of a set.
const MANY: u32 = 1 << 31;

impl Grants {
    #[cfg(test)]
    pub(super) fn one(list: u32) -> Self {
        Self(list)
    }
}

/// The sets that are granted somewhere.
#[derive(Clone, Debug, Default)]
pub(super) struct Sets {
    sets: Chunked<Arc<[u32]>>,
}

impl Sets {
    /// Whether `is_wanted` holds for one of the lists.
    pub(super) fn any(&self, grants: Grants, mut is_wanted: impl FnMut(u32) -> bool) -> bool {
        if grants.0 & MANY == 0 {
            return is_wanted(grants.0);
        }
        self.set(grants).iter().any(|&list| is_wanted(list))
    }

    fn set(&self, grants: Grants) -> &[u32] {
        self.sets.get((grants.0 & !MANY) as usize).map(AsRef::as_ref).unwrap_or_default()
    }

    fn lists(&self, grants: Option<Grants>) -> Vec<u32> {
        match grants {
            None => Vec::new(),
            Some(grants) if grants.0 & MANY == 0 => vec![grants.0],
            Some(grants) => self.set(grants).to_vec(),
        }
    }

    /// With one more binding that gives the list.
    pub(super) fn with(&mut self, grants: Option<Grants>, list: u32) -> Option<Grants> {
        let mut lists = self.lists(grants);
        lists.insert(lists.partition_point(|&other| other < list), list);
        self.grants(&lists)
    }

    /// With one binding less that gives the list.
    pub(super) fn without(&mut self, grants: Option<Grants>, list: u32) -> Option<Grants> {
        let mut lists = self.lists(grants);
        if let Ok(at) = lists.binary_search(&list) {
            lists.remove(at);
        }
        self.grants(&lists)
    }

    fn grants(&mut self, lists: &[u32]) -> Option<Grants> {
        match lists {
            [] => None,
            [list] => Some(Grants(*list)),
            many => Some(self.add(many)),
        }
    }

    fn add(&mut self, many: &[u32]) -> Grants {
        let number = u32::try_from(self.sets.len()).unwrap_or(u32::MAX);
        self.sets.push(many.into());
        Grants(MANY | number)
    }
}

/// Makes [`Sets`] in which equal ones stand once.
#[derive(Debug, Default)]
pub(super) struct SetsBuilder {
    sets: Vec<Arc<[u32]>>,
    known: HashMap<Arc<[u32]>, u32, RandomState>,
}

impl SetsBuilder {
    /// Of at least one list, sorted.
    pub(super) fn grants(&mut self, lists: &[u32]) -> Grants {
        if let [list] = lists {
            return Grants(*list);
        }
        if let Some(number) = self.known.get(lists) {
            return Grants(MANY | number);
        }
        let number = u32::try_from(self.sets.len()).unwrap_or(u32::MAX);
        let set: Arc<[u32]> = lists.into();
        self.sets.push(Arc::clone(&set));
        self.known.insert(set, number);
        Grants(MANY | number)
    }

    pub(super) fn build(self) -> Sets {
        Sets { sets: self.sets.into_iter().collect() }
    }
}
