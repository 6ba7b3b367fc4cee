use super::{
    super::text::{Seeds, Words},
    set::Set,
};

/// The lists that allow one verb on one target, by all rules that cover it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cell {
    /// Whatever the object's name.
    pub(super) any_name: Set,
    /// Objects of some names, which the list itself knows.
    pub(super) some_names: Set,
}

/// A cell for each verb that a rule names on a target, and one for all others.
#[derive(Debug)]
pub(super) struct Cells {
    /// A power of two of them.
    slots: Vec<Option<Slot>>,
    seeds: Seeds,
}

#[derive(Debug)]
struct Slot {
    words: Words<4>,
    /// The names, if one is longer than its words.
    long: Option<Box<[String; 4]>>,
    cell: Cell,
}

/// A group, resource and subresource, and a verb, or none for every verb that no rule names on them.
pub(super) type Key<'a> = ([&'a str; 3], Option<&'a str>);

impl Cells {
    pub(super) fn build(cells: &[(Key<'_>, Cell)]) -> Self {
        let size = (cells.len() * 2).next_power_of_two();
        let mut slots: Vec<Option<Slot>> = (0..size).map(|_| None).collect();
        let seeds = Seeds::default();
        for (key, cell) in cells {
            let words = words(key);
            let mut at = home(seeds.hash(&words, texts(key)), size);
            while slots.get(at).is_some_and(Option::is_some) {
                at = (at + 1) & (size - 1);
            }
            let long = (!words.are_whole()).then(|| Box::new(texts(key).map(String::from)));
            if let Some(slot) = slots.get_mut(at) {
                *slot = Some(Slot { words, long, cell: *cell });
            }
        }
        Self { slots, seeds }
    }

    #[inline]
    pub(super) fn get(&self, key: &Key<'_>) -> Option<&Cell> {
        let words = words(key);
        let mut at = home(self.seeds.hash(&words, texts(key)), self.slots.len());
        // half of them are free
        loop {
            let slot = self.slots.get(at)?.as_ref()?;
            if slot.words == words && slot.long.as_ref().is_none_or(|long| texts(key) == **long) {
                return Some(&slot.cell);
            }
            at = (at + 1) & self.slots.len().wrapping_sub(1);
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the lower bits are wanted")]
fn home(hash: u64, slots: usize) -> usize {
    hash as usize & slots.wrapping_sub(1)
}

#[inline]
fn words(([group, resource, subresource], verb): &Key<'_>) -> Words<4> {
    Words::new([Some(group), Some(resource), Some(subresource), *verb])
}

fn texts<'a>(([group, resource, subresource], verb): &Key<'a>) -> [&'a str; 4] {
    [group, resource, subresource, verb.unwrap_or_default()]
}
