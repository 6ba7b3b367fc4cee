use std::{collections::HashMap, sync::Arc};

use foldhash::fast::RandomState;

use super::chunked::Chunked;

/// The rule lists that bindings give to a subject in one place: one by one binding, or a set.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Grants(u32);

/// Says that the rest is the number of a set.
const MANY: u32 = 1 << 31;

/// A list, and how many bindings give it: it is there until the last of them is gone.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
struct Given {
    list: u32,
    by: u32,
}

impl Grants {
    #[cfg(test)]
    pub(super) fn one(list: u32) -> Self {
        Self(list)
    }
}

/// The sets that are granted somewhere.
#[derive(Clone, Debug, Default)]
pub(super) struct Sets {
    /// Sorted by list.
    sets: Chunked<Arc<[Given]>>,
}

impl Sets {
    /// Whether `is_wanted` holds for one of the lists.
    #[inline]
    pub(super) fn any(&self, grants: Grants, mut is_wanted: impl FnMut(u32) -> bool) -> bool {
        if grants.0 & MANY == 0 {
            return is_wanted(grants.0);
        }
        self.set(grants).iter().any(|given| is_wanted(given.list))
    }

    fn set(&self, grants: Grants) -> &[Given] {
        self.sets.get((grants.0 & !MANY) as usize).map(AsRef::as_ref).unwrap_or_default()
    }

    fn given(&self, grants: Option<Grants>) -> Vec<Given> {
        match grants {
            None => Vec::new(),
            Some(grants) if grants.0 & MANY == 0 => vec![Given { list: grants.0, by: 1 }],
            Some(grants) => self.set(grants).to_vec(),
        }
    }

    /// With one more binding that gives the list.
    pub(super) fn with(&mut self, grants: Option<Grants>, list: u32) -> Option<Grants> {
        let mut given = self.given(grants);
        match given.binary_search_by_key(&list, |given| given.list) {
            Ok(at) => given.iter_mut().skip(at).take(1).for_each(|given| given.by += 1),
            Err(at) => given.insert(at, Given { list, by: 1 }),
        }
        self.grants(&given)
    }

    /// With one binding less that gives the list.
    pub(super) fn without(&mut self, grants: Option<Grants>, list: u32) -> Option<Grants> {
        let mut given = self.given(grants);
        given.iter_mut().filter(|given| given.list == list).for_each(|given| given.by -= 1);
        given.retain(|given| given.by > 0);
        self.grants(&given)
    }

    fn grants(&mut self, given: &[Given]) -> Option<Grants> {
        match given {
            [] => None,
            [Given { list, by: 1 }] => Some(Grants(*list)),
            many => {
                let number = u32::try_from(self.sets.len()).unwrap_or(u32::MAX);
                self.sets.push(many.into());
                Some(Grants(MANY | number))
            }
        }
    }
}

/// Makes [`Sets`] in which equal ones stand once.
#[derive(Debug, Default)]
pub(super) struct SetsBuilder {
    sets: Vec<Arc<[Given]>>,
    known: HashMap<Arc<[Given]>, u32, RandomState>,
}

impl SetsBuilder {
    /// Of at least one list, sorted, each as often as it is given.
    pub(super) fn grants(&mut self, lists: &[u32]) -> Grants {
        if let [list] = lists {
            return Grants(*list);
        }
        let given: Vec<Given> = lists
            .chunk_by(|a, b| a == b)
            .filter_map(|same| Some(Given { list: *same.first()?, by: u32::try_from(same.len()).ok()? }))
            .collect();
        if let Some(number) = self.known.get(given.as_slice()) {
            return Grants(MANY | number);
        }
        let number = u32::try_from(self.sets.len()).unwrap_or(u32::MAX);
        let set: Arc<[Given]> = given.into();
        self.sets.push(Arc::clone(&set));
        self.known.insert(set, number);
        Grants(MANY | number)
    }

    pub(super) fn build(self) -> Sets {
        Sets { sets: self.sets.into_iter().collect() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_given_is_there_until_all_of_it_is_taken(
            start in prop::collection::vec(0..4_u32, 1..6),
            steps in prop::collection::vec((any::<bool>(), 0..4_u32), 0..30),
        ) {
            let mut plain = start;
            plain.sort_unstable();
            let mut builder = SetsBuilder::default();
            let first = builder.grants(&plain);
            prop_assert_eq!(first, builder.grants(&plain));
            let mut sets = builder.build();
            let mut grants = Some(first);
            for (more, list) in steps {
                if more {
                    plain.push(list);
                    grants = sets.with(grants, list);
                } else if let Some(at) = plain.iter().position(|other| *other == list) {
                    plain.swap_remove(at);
                    grants = sets.without(grants, list);
                }
                for list in 0..5 {
                    let is_given = grants.is_some_and(|grants| sets.any(grants, |other| other == list));
                    prop_assert_eq!(is_given, plain.contains(&list));
                }
                prop_assert_eq!(grants.is_none(), plain.is_empty());
            }
        }
    }
}
