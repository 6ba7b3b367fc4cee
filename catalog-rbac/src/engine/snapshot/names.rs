use std::sync::Arc;

use super::text::{Seeds, Words};

/// Names with numbers from 0 and a value each, found in one look at memory as a rule. A clone shares what is not changed.
///
/// The names that are looked up come from callers, hence a hash with a seed, and a comparison of the whole name.
#[derive(Clone, Debug)]
pub(super) struct Names<V = ()> {
    /// Which of them by the upper half of the hash.
    shards: Vec<Arc<Shard<V>>>,
    seeds: Seeds,
    len: u32,
}

/// How many names are thought to share a shard, and so are copied when one is added.
const SHARD: usize = 256;

#[derive(Clone, Debug, Default)]
struct Shard<V> {
    /// A power of two of them, or none.
    slots: Vec<Slot<V>>,
    used: usize,
    /// The names that are longer than their words.
    long: String,
}

#[derive(Clone, Debug)]
struct Slot<V> {
    words: Words<1>,
    /// `FREE` in a slot without a name.
    number: u32,
    /// Where the name stands among the long ones, if it is one.
    start: u32,
    value: V,
}

const FREE: u32 = u32::MAX;

/// A name with what it is looked for by.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    name: &'a str,
    words: Words<1>,
    hash: u64,
}

impl<V: Clone + Default> Names<V> {
    /// For about so many.
    pub(super) fn with_capacity(names: usize) -> Self {
        let shards = (names / SHARD).max(1).next_power_of_two();
        Self { shards: vec![Arc::default(); shards], seeds: Seeds::default(), len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    #[inline]
    pub(super) fn number(&self, name: &str) -> Option<u32> {
        self.find(name).map(|(number, _)| number)
    }

    #[inline]
    pub(super) fn find(&self, name: &str) -> Option<(u32, &V)> {
        let wanted = self.wanted(name);
        let shard = self.shards.get(self.shard(wanted.hash))?;
        let slot = shard.slots.get(shard.find(&wanted)?)?;
        Some((slot.number, &slot.value))
    }

    /// The number of a name, a new one if it has none.
    pub(super) fn intern(&mut self, name: &str) -> u32 {
        if let Some(number) = self.number(name) {
            return number;
        }
        let number = self.len;
        self.len += 1;
        let wanted = self.wanted(name);
        let at = self.shard(wanted.hash);
        if let Some(shard) = self.shards.get_mut(at) {
            Arc::make_mut(shard).add(&wanted, number, &self.seeds);
        }
        number
    }

    /// Sets the value of a name, whether it has a number or not.
    pub(super) fn put(&mut self, name: &str, value: V) {
        self.intern(name);
        self.set(name, value);
    }

    /// Sets the value of a name that has a number.
    pub(super) fn set(&mut self, name: &str, value: V) {
        let wanted = self.wanted(name);
        let at = self.shard(wanted.hash);
        let Some(shard) = self.shards.get_mut(at).map(Arc::make_mut) else { return };
        let Some(slot) = shard.find(&wanted).and_then(|at| shard.slots.get_mut(at)) else { return };
        slot.value = value;
    }

    #[inline]
    fn wanted<'a>(&self, name: &'a str) -> Wanted<'a> {
        let words = Words::new([Some(name)]);
        Wanted { name, words, hash: self.seeds.hash(&words, [name]) }
    }

    #[inline]
    fn shard(&self, hash: u64) -> usize {
        usize::try_from(((hash >> 32) * self.shards.len() as u64) >> 32).unwrap_or_default()
    }
}

/// Where a name is looked for first.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the lower bits are wanted")]
fn home(hash: u64, mask: usize) -> usize {
    hash as usize & mask
}

impl<V: Clone + Default> Shard<V> {
    /// The slot of a name.
    #[inline]
    fn find(&self, wanted: &Wanted<'_>) -> Option<usize> {
        let mask = self.slots.len().wrapping_sub(1);
        let mut at = home(wanted.hash, mask);
        // a quarter of the slots is free
        loop {
            let slot = self.slots.get(at)?;
            if slot.number == FREE {
                return None;
            }
            if slot.words == wanted.words && (wanted.words.are_whole() || self.is_at(slot.start, wanted.name))
            {
                return Some(at);
            }
            at = (at + 1) & mask;
        }
    }

    #[cold]
    fn is_at(&self, start: u32, name: &str) -> bool {
        let start = start as usize;
        self.long.as_bytes().get(start..start + name.len()) == Some(name.as_bytes())
    }

    fn add(&mut self, wanted: &Wanted<'_>, number: u32, seeds: &Seeds) {
        if (self.used + 1) * 4 > self.slots.len() * 3 {
            let free = Slot { words: Words::new([None]), number: FREE, start: 0, value: V::default() };
            let more = vec![free; (self.slots.len() * 2).max(4)];
            for slot in std::mem::replace(&mut self.slots, more) {
                if slot.number != FREE {
                    let hash = self.hash(&slot, seeds);
                    self.put(slot, hash);
                }
            }
        }
        // a text beyond 4 GiB is one that is never found, which allows nothing
        let start = u32::try_from(self.long.len()).unwrap_or(u32::MAX);
        if !wanted.words.are_whole() {
            self.long.push_str(wanted.name);
        }
        self.used += 1;
        self.put(Slot { words: wanted.words, number, start, value: V::default() }, wanted.hash);
    }

    /// The hash of a name that is there.
    fn hash(&self, slot: &Slot<V>, seeds: &Seeds) -> u64 {
        let start = slot.start as usize;
        let long = self.long.get(start..start + slot.words.len()).unwrap_or_default();
        seeds.hash(&slot.words, [long])
    }

    fn put(&mut self, slot: Slot<V>, hash: u64) {
        let mask = self.slots.len().wrapping_sub(1);
        let mut at = home(hash, mask);
        while let Some(place) = self.slots.get_mut(at) {
            if place.number == FREE {
                *place = slot;
                return;
            }
            at = (at + 1) & mask;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_name_keeps_its_number(names in prop::collection::vec("[a-c]{0,4}|[ab]{31,35}", 0..400), capacity in 0..2_000_usize) {
            let mut interned = Names::<u32>::with_capacity(capacity);
            let mut plain: HashMap<&str, u32> = HashMap::new();
            for name in &names {
                let next = u32::try_from(plain.len()).unwrap();
                prop_assert_eq!(interned.intern(name), *plain.entry(name).or_insert(next));
            }
            let before = interned.clone();
            for (name, number) in &plain {
                interned.set(name, number + 1);
            }
            interned.set("another", 1);
            interned.intern("another");
            for (name, number) in plain {
                prop_assert_eq!(interned.find(name), Some((number, &(number + 1))));
                prop_assert_eq!(before.find(name), Some((number, &0)));
            }
            prop_assert_eq!(before.number("another"), None);
        }
    }
}
