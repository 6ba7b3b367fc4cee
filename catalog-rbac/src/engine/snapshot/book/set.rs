/// Sets of rule lists.
#[derive(Debug, Default)]
pub(super) struct SetStore {
    bits: Vec<u64>,
    ids: Vec<u32>,
}

/// One of the sets.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Set {
    #[default]
    Empty,
    /// A bit for each list, from that of `first * 64`.
    Bits { start: u32, words: u32, first: u32 },
    /// Few lists that lie far apart, sorted.
    Ids { start: u32, len: u32 },
}

impl SetStore {
    #[inline]
    pub(super) fn contains(&self, set: Set, list: u32) -> bool {
        match set {
            Set::Empty => false,
            Set::Bits { start, words, first } => {
                let word = (list / 64).wrapping_sub(first);
                // a list before the first wraps to one far behind the last
                word < words
                    && self.bits.get((start + word) as usize).is_some_and(|bits| bits >> (list % 64) & 1 == 1)
            }
            Set::Ids { start, len } => {
                let ids = self.ids.get(start as usize..(start + len) as usize).unwrap_or_default();
                ids.binary_search(&list).is_ok()
            }
        }
    }

    /// Keeps a set of lists, which are sorted.
    pub(super) fn add(&mut self, lists: &[u32]) -> Set {
        let (Some(least), Some(most)) = (lists.first(), lists.last()) else { return Set::Empty };
        let (first, words) = (least / 64, most / 64 - least / 64 + 1);
        if words as usize > 4 + lists.len() {
            let start = small(self.ids.len());
            self.ids.extend_from_slice(lists);
            return Set::Ids { start, len: small(lists.len()) };
        }
        let start = self.bits.len();
        self.bits.resize(start + words as usize, 0);
        for list in lists {
            if let Some(bits) = self.bits.get_mut(start + (list / 64 - first) as usize) {
                *bits |= 1 << (list % 64);
            }
        }
        Set::Bits { start: small(start), words, first }
    }
}

/// What does not fit lies beyond the end, where nothing is found.
fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_set_holds_its_lists_and_no_other(
            near in prop::collection::btree_set(0..400_u32, 0..60),
            far in prop::collection::btree_set(0..400_000_u32, 0..6),
        ) {
            let mut store = SetStore::default();
            let both = near.union(&far).copied().collect();
            let all = [near, far, both].map(|lists| (store.add(&lists.iter().copied().collect::<Vec<_>>()), lists));
            for (set, lists) in &all {
                let around = lists.iter().flat_map(|list| [list.saturating_sub(64), list.saturating_sub(1), list + 1]);
                for list in (0..500).chain(lists.iter().copied()).chain(around) {
                    prop_assert_eq!(store.contains(*set, list), lists.contains(&list), "{} in {:?}", list, set);
                }
            }
        }
    }
}
