use std::{iter::repeat_n, sync::Arc};

use super::grants::Grants;

/// What each subject is granted in one place: a namespace, or the whole cluster. A clone shares it.
#[derive(Clone, Debug)]
pub(super) enum Table {
    /// A power of two of buckets, or none.
    Small(Arc<[Bucket]>),
    /// Too many subjects to be copied for a change: a power of two of parts.
    Large(Arc<[Arc<[Bucket]>]>),
}

/// What is granted to a subject.
pub(super) type Entry = (u32, Grants);

/// Entries that are compared at once, in one line of the cache.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(super) struct Bucket {
    /// Filled from the front; `FREE` where there is none.
    subjects: [u32; WIDTH],
    grants: [Grants; WIDTH],
}

const WIDTH: usize = 8;
const FREE: u32 = u32::MAX;
/// How many subjects a table may have before it is parted.
const SMALL: usize = 1024;
/// How many subjects a part is made for.
const PART: usize = 256;

impl Default for Table {
    fn default() -> Self {
        Self::Small(Arc::default())
    }
}

impl Table {
    pub(super) fn new(entries: &[Entry]) -> Self {
        if entries.len() <= SMALL {
            return Self::Small(buckets(entries));
        }
        let mut parts = vec![Vec::new(); (entries.len() / PART).next_power_of_two()];
        for entry in entries {
            let part = part_of(entry.0, parts.len());
            if let Some(part) = parts.get_mut(part) {
                part.push(*entry);
            }
        }
        Self::Large(parts.iter().map(|part| buckets(part)).collect())
    }

    #[inline]
    pub(super) fn get(&self, subject: u32) -> Option<Grants> {
        match self {
            Self::Small(buckets) => find(buckets, subject),
            Self::Large(parts) => find(parts.get(part_of(subject, parts.len()))?, subject),
        }
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = Entry> {
        let (small, large) = match self {
            Self::Small(buckets) => (Some(buckets), None),
            Self::Large(parts) => (None, Some(parts)),
        };
        small
            .into_iter()
            .chain(large.into_iter().flat_map(|parts| parts.iter()))
            .flat_map(|buckets| entries(buckets))
    }

    /// With other grants for the subject, or without any.
    pub(super) fn with(&self, subject: u32, grants: Option<Grants>) -> Self {
        let change = |buckets: &[Bucket]| {
            let others = entries(buckets).filter(|(other, _)| *other != subject);
            others.chain(grants.map(|grants| (subject, grants))).collect::<Vec<_>>()
        };
        match self {
            Self::Small(buckets) => Self::new(&change(buckets)),
            Self::Large(parts) => {
                let changed = part_of(subject, parts.len());
                let part = |(at, part): (usize, &Arc<[Bucket]>)| {
                    if at == changed { buckets(&change(part)) } else { Arc::clone(part) }
                };
                Self::Large(parts.iter().enumerate().map(part).collect())
            }
        }
    }
}

/// Users have even numbers and groups odd ones, which must not decide.
#[inline]
fn part_of(subject: u32, parts: usize) -> usize {
    (subject >> 1) as usize & parts.wrapping_sub(1)
}

#[inline]
fn home(subject: u32, buckets: usize) -> usize {
    // numbers follow each other, and this spreads them best
    let hash = subject.wrapping_mul(0x9E37_79B1);
    usize::try_from((u64::from(hash) * buckets as u64) >> 32).unwrap_or_default()
}

#[inline]
fn find(buckets: &[Bucket], subject: u32) -> Option<Grants> {
    let mut at = home(subject, buckets.len());
    // a quarter of the places is free, so that a bucket is hardly ever full and never all of them
    loop {
        let bucket = buckets.get(at)?;
        let hits = bucket
            .subjects
            .iter()
            .enumerate()
            .fold(0_u32, |hits, (place, other)| hits | u32::from(*other == subject) << place);
        if hits != 0 {
            return bucket.grants.get(hits.trailing_zeros() as usize).copied();
        }
        let [.., last] = bucket.subjects;
        if last == FREE {
            return None;
        }
        at = (at + 1) & (buckets.len() - 1);
    }
}

fn entries(buckets: &[Bucket]) -> impl Iterator<Item = Entry> {
    let all = buckets.iter().flat_map(|bucket| bucket.subjects.into_iter().zip(bucket.grants));
    all.filter(|(subject, _)| *subject != FREE)
}

fn buckets(entries: &[Entry]) -> Arc<[Bucket]> {
    if entries.is_empty() {
        return Arc::default();
    }
    let size = (entries.len() * 4 / 3 + 1).div_ceil(WIDTH).next_power_of_two();
    let free = Bucket { subjects: [FREE; WIDTH], grants: [Grants::default(); WIDTH] };
    let mut all: Arc<[Bucket]> = repeat_n(free, size).collect();
    let buckets = Arc::make_mut(&mut all);
    for (subject, grants) in entries {
        let mut at = home(*subject, size);
        while let Some(bucket) = buckets.get_mut(at) {
            let free = bucket.subjects.iter().zip(&bucket.grants).position(|(other, _)| *other == FREE);
            let place = free.and_then(|free| bucket.subjects.get_mut(free).zip(bucket.grants.get_mut(free)));
            if let Some(place) = place {
                (*place.0, *place.1) = (*subject, *grants);
                break;
            }
            at = (at + 1) & (size - 1);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn it_does_as_a_map_does(
            start in prop::collection::btree_map(0..5_000_u32, 0..9_u32, 0..2_500),
            steps in prop::collection::vec((0..5_000_u32, prop::option::of(0..9_u32)), 0..20),
        ) {
            let mut plain: BTreeMap<u32, u32> = start;
            let all: Vec<Entry> = plain.iter().map(|(&subject, &list)| (subject, Grants::one(list))).collect();
            let mut table = Table::new(&all);
            for (subject, list) in steps {
                match list {
                    Some(list) => plain.insert(subject, list),
                    None => plain.remove(&subject),
                };
                table = table.with(subject, list.map(Grants::one));
            }
            for subject in 0..5_000 {
                prop_assert_eq!(table.get(subject), plain.get(&subject).copied().map(Grants::one));
            }
        }
    }
}
