use std::sync::Arc;

use super::grants::Grants;

/// What each subject is granted in one place: a namespace, or the whole cluster. A clone shares it.
#[derive(Clone, Debug)]
pub(super) enum Table {
    /// A power of two of slots, or none.
    Small(Arc<[u64]>),
    /// Too many subjects to be copied for a change: a power of two of parts.
    Large(Arc<[Arc<[u64]>]>),
}

/// Subject and grants in one word.
pub(super) fn packed(subject: u32, grants: Grants) -> u64 {
    u64::from(subject) << 32 | u64::from(grants.to_bits())
}

const FREE: u64 = u64::MAX;
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
    pub(super) fn get(&self, subject: u32) -> Option<Grants> {
        match self {
            Self::Small(slots) => find(slots, subject),
            Self::Large(parts) => find(parts.get(part_of(subject, parts.len()))?, subject),
        }
    }

    /// With other grants for the subject, or without any.
    pub(super) fn with(&self, subject: u32, grants: Option<Grants>) -> Self {
        let change = |slots: &[u64]| {
            let others = slots.iter().copied().filter(|&slot| slot != FREE && subject_of(slot) != subject);
            others.chain(grants.map(|grants| packed(subject, grants))).collect::<Vec<_>>()
        };
        match self {
            Self::Small(slots) => change(slots).into(),
            Self::Large(parts) => {
                let changed = part_of(subject, parts.len());
                let part = |(at, part): (usize, &Arc<[u64]>)| {
                    if at == changed { slots(&change(part)) } else { Arc::clone(part) }
                };
                Self::Large(parts.iter().enumerate().map(part).collect())
            }
        }
    }
}

impl From<Vec<u64>> for Table {
    fn from(packed: Vec<u64>) -> Self {
        if packed.len() <= SMALL {
            return Self::Small(slots(&packed));
        }
        let mut parts = vec![Vec::new(); (packed.len() / PART).next_power_of_two()];
        for slot in packed {
            let part = part_of(subject_of(slot), parts.len());
            if let Some(part) = parts.get_mut(part) {
                part.push(slot);
            }
        }
        Self::Large(parts.iter().map(|part| slots(part)).collect())
    }
}

fn subject_of(slot: u64) -> u32 {
    u32::try_from(slot >> 32).unwrap_or(u32::MAX)
}

/// Users have even numbers and groups odd ones, which must not decide.
fn part_of(subject: u32, parts: usize) -> usize {
    (subject >> 1) as usize & parts.wrapping_sub(1)
}

fn home(subject: u32, slots: usize) -> usize {
    // numbers follow each other, and this spreads them best
    let hash = subject.wrapping_mul(0x9E37_79B1);
    usize::try_from((u64::from(hash) * slots as u64) >> 32).unwrap_or_default()
}

fn find(slots: &[u64], subject: u32) -> Option<Grants> {
    let mask = slots.len().wrapping_sub(1);
    let mut at = home(subject, slots.len());
    // a quarter of the slots is free
    loop {
        let slot = *slots.get(at)?;
        if subject_of(slot) == subject {
            return Some(Grants::from_bits(slot));
        }
        if slot == FREE {
            return None;
        }
        at = (at + 1) & mask;
    }
}

fn slots(packed: &[u64]) -> Arc<[u64]> {
    if packed.is_empty() {
        return Arc::default();
    }
    let size = (packed.len() * 4 / 3 + 1).next_power_of_two();
    let mut slots = vec![FREE; size];
    for &slot in packed {
        let mut at = home(subject_of(slot), size);
        while let Some(place) = slots.get_mut(at) {
            if *place == FREE {
                *place = slot;
                break;
            }
            at = (at + 1) & (size - 1);
        }
    }
    slots.into()
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
            let all: Vec<u64> = plain.iter().map(|(&subject, &list)| packed(subject, Grants::one(list))).collect();
            let mut table = Table::from(all);
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
