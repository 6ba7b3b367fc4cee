use std::hash::{BuildHasher, Hasher};

use foldhash::fast::RandomState;

use super::{super::names::Names, set::Set};

/// Every target that a rule names, with the lists that allow each verb on it.
#[derive(Debug)]
pub(super) struct Targets {
    /// Hash above number; a power of two of them.
    slots: Vec<u64>,
    all: Vec<Target>,
    verbs: Names,
    hasher: RandomState,
    pub(super) patterns: Patterns,
}

/// A group and a resource, with `*` for any of either.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) group: Box<str>,
    pub(super) resource: Box<str>,
    pub(super) subresource: Box<str>,
    /// For verbs that no rule names on it: those with `*`.
    any: Cell,
    /// By number of the verb.
    verbs: Vec<(u32, Cell)>,
}

/// The lists that allow one verb on one target, by all rules that cover it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cell {
    /// Whatever the object's name.
    pub(super) any_name: Set,
    /// Objects of some names, which the list itself knows.
    pub(super) some_names: Set,
}

/// Which patterns there are at all, so that the others need not be looked for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Patterns {
    /// A resource of any group.
    pub(super) any_group: bool,
    /// A subresource of any resource.
    pub(super) any_resource: bool,
}

const FREE: u64 = u64::MAX;

impl Target {
    pub(super) fn new(group: &str, resource: &str, subresource: &str) -> Self {
        Self {
            group: group.into(),
            resource: resource.into(),
            subresource: subresource.into(),
            any: Cell::default(),
            verbs: Vec::new(),
        }
    }

    pub(super) fn set(&mut self, any: Cell, verbs: Vec<(u32, Cell)>) {
        self.any = any;
        self.verbs = verbs;
    }

    pub(super) fn cell(&self, verb: Option<u32>) -> &Cell {
        let named = verb.and_then(|verb| self.verbs.iter().find(|(other, _)| *other == verb));
        named.map_or(&self.any, |(_, cell)| cell)
    }

    fn is(&self, group: &str, resource: &str, subresource: &str) -> bool {
        *self.resource == *resource && *self.subresource == *subresource && *self.group == *group
    }
}

impl Targets {
    pub(super) fn new() -> Self {
        Self {
            slots: vec![FREE; 16],
            all: Vec::new(),
            verbs: Names::with_capacity(0),
            hasher: RandomState::default(),
            patterns: Patterns::default(),
        }
    }

    pub(super) fn verb(&self, verb: &str) -> Option<u32> {
        self.verbs.number(verb)
    }

    pub(super) fn intern_verb(&mut self, verb: &str) -> u32 {
        self.verbs.intern(verb)
    }

    pub(super) fn get(&self, group: &str, resource: &str, subresource: &str) -> Option<&Target> {
        self.all.get(self.number(group, resource, subresource)?)
    }

    pub(super) fn number(&self, group: &str, resource: &str, subresource: &str) -> Option<usize> {
        let tag = self.tag(group, resource, subresource);
        let mask = self.slots.len().wrapping_sub(1);
        let mut at = tag as usize & mask;
        loop {
            let slot = *self.slots.get(at)?;
            if slot == FREE {
                return None;
            }
            if slot >> 32 == u64::from(tag) {
                let number = usize::try_from(slot & u64::from(u32::MAX)).ok()?;
                if self.all.get(number)?.is(group, resource, subresource) {
                    return Some(number);
                }
            }
            at = (at + 1) & mask;
        }
    }

    pub(super) fn intern(&mut self, group: &str, resource: &str, subresource: &str) -> usize {
        if let Some(number) = self.number(group, resource, subresource) {
            return number;
        }
        self.patterns.any_group |= group == "*" && resource != "*";
        self.patterns.any_resource |= resource == "*" && !subresource.is_empty();
        let number = self.all.len();
        self.all.push(Target::new(group, resource, subresource));
        if (number + 1) * 2 > self.slots.len() {
            let more = vec![FREE; self.slots.len() * 2];
            for slot in std::mem::replace(&mut self.slots, more) {
                if slot != FREE {
                    self.put(slot);
                }
            }
        }
        self.put(u64::from(self.tag(group, resource, subresource)) << 32 | number as u64);
        number
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Target> {
        self.all.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Target> {
        self.all.iter_mut()
    }

    fn put(&mut self, slot: u64) {
        let mask = self.slots.len().wrapping_sub(1);
        let mut at = usize::try_from(slot >> 32).unwrap_or_default() & mask;
        while let Some(place) = self.slots.get_mut(at) {
            if *place == FREE {
                *place = slot;
                return;
            }
            at = (at + 1) & mask;
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "half of a hash is enough")]
    fn tag(&self, group: &str, resource: &str, subresource: &str) -> u32 {
        let mut hasher = self.hasher.build_hasher();
        // parts that run together are told apart when they are compared
        hasher.write(group.as_bytes());
        hasher.write(resource.as_bytes());
        hasher.write(subresource.as_bytes());
        hasher.finish() as u32
    }
}
