use std::{
    hash::{BuildHasher, Hasher},
    sync::Arc,
};

use foldhash::fast::RandomState;

/// Names with numbers from 0, found in two steps through memory. A clone shares what is not added to.
///
/// The names that are looked up come from callers, hence a hash with a seed, and a comparison of the whole name.
#[derive(Clone, Debug)]
pub(super) struct Names {
    /// Which of them by the upper half of the hash.
    shards: Vec<Arc<Shard>>,
    hasher: RandomState,
    len: u32,
}

/// How many names are thought to share a shard, and so are copied when one is added.
const SHARD: usize = 256;

#[derive(Clone, Debug, Default)]
struct Shard {
    /// A power of two of them, or none.
    slots: Vec<Slot>,
    used: usize,
    text: String,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    /// The lower half of the hash.
    tag: u32,
    /// `FREE` in a slot without a name.
    number: u32,
    start: u32,
    len: u32,
}

const FREE: u32 = u32::MAX;

impl Names {
    /// For about so many.
    pub(super) fn with_capacity(names: usize) -> Self {
        let shards = (names / SHARD).max(1).next_power_of_two();
        Self { shards: vec![Arc::default(); shards], hasher: RandomState::default(), len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    pub(super) fn number(&self, name: &str) -> Option<u32> {
        let (shard, tag) = self.place(name);
        self.shards.get(shard)?.find(tag, name)
    }

    /// The number of a name, a new one if it has none.
    pub(super) fn intern(&mut self, name: &str) -> u32 {
        let (at, tag) = self.place(name);
        if let Some(number) = self.shards.get(at).and_then(|shard| shard.find(tag, name)) {
            return number;
        }
        let number = self.len;
        self.len += 1;
        if let Some(shard) = self.shards.get_mut(at) {
            Arc::make_mut(shard).add(tag, name, number);
        }
        number
    }

    fn place(&self, name: &str) -> (usize, u32) {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(name.as_bytes());
        let hash = hasher.finish();
        let (upper, tag) = (hash >> 32, low(hash));
        (usize::try_from((upper * self.shards.len() as u64) >> 32).unwrap_or_default(), tag)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "half of a hash is wanted")]
fn low(hash: u64) -> u32 {
    hash as u32
}

impl Shard {
    fn find(&self, tag: u32, name: &str) -> Option<u32> {
        let mask = self.slots.len().wrapping_sub(1);
        let mut at = tag as usize & mask;
        // a quarter of the slots is free
        loop {
            let slot = self.slots.get(at)?;
            if slot.number == FREE {
                return None;
            }
            if slot.tag == tag && self.name(*slot) == Some(name.as_bytes()) {
                return Some(slot.number);
            }
            at = (at + 1) & mask;
        }
    }

    fn name(&self, slot: Slot) -> Option<&[u8]> {
        let start = slot.start as usize;
        self.text.as_bytes().get(start..start + slot.len as usize)
    }

    fn add(&mut self, tag: u32, name: &str, number: u32) {
        if (self.used + 1) * 4 > self.slots.len() * 3 {
            let more = vec![Slot { tag: 0, number: FREE, start: 0, len: 0 }; (self.slots.len() * 2).max(4)];
            for slot in std::mem::replace(&mut self.slots, more) {
                if slot.number != FREE {
                    self.put(slot);
                }
            }
        }
        // a text beyond 4 GiB is one that is never found, which allows nothing
        let start = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        let len = u32::try_from(name.len()).unwrap_or(u32::MAX);
        self.text.push_str(name);
        self.used += 1;
        self.put(Slot { tag, number, start, len });
    }

    fn put(&mut self, slot: Slot) {
        let mask = self.slots.len().wrapping_sub(1);
        let mut at = slot.tag as usize & mask;
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
        fn a_name_keeps_its_number(names in prop::collection::vec("[a-c]{0,4}", 0..400), capacity in 0..2_000_usize) {
            let mut interned = Names::with_capacity(capacity);
            let mut plain: HashMap<&str, u32> = HashMap::new();
            for name in &names {
                let next = u32::try_from(plain.len()).unwrap();
                prop_assert_eq!(interned.intern(name), *plain.entry(name).or_insert(next));
            }
            let before = interned.clone();
            interned.intern("another");
            for (name, number) in plain {
                prop_assert_eq!(interned.number(name), Some(number));
                prop_assert_eq!(before.number(name), Some(number));
            }
            prop_assert_eq!(before.number("another"), None);
        }
    }
}
