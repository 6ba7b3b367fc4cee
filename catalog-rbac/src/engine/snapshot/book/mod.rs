//! Rules compiled: which rule lists allow what, as sets of their numbers.

mod aggregate;
mod build;
mod cell;
mod list;
mod roles;
mod set;

use self::{
    cell::{Cell, Cells},
    set::SetStore,
};
pub(super) use self::{list::RuleList, roles::Roles};
use crate::engine::{PathAttributes, ResourceAttributes};

/// The number of a list that stands for a role which is not there.
pub(super) const MISSING: u32 = 0;

/// The rule lists of a policy's roles, equal ones once, and for each target and verb the set of those that allow it.
#[derive(Debug)]
pub(super) struct Book {
    lists: Vec<RuleList>,
    pub(super) roles: Roles,
    cells: Cells,
    patterns: Patterns,
    sets: SetStore,
}

/// Which patterns there are at all, so that the others need not be looked for.
#[derive(Clone, Copy, Debug, Default)]
struct Patterns {
    /// A resource of any group.
    any_group: bool,
    /// A subresource of any resource.
    any_resource: bool,
}

/// What is asked of a resource, looked up once, to be put to any number of rule lists.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question<'a> {
    book: &'a Book,
    asked: &'a ResourceAttributes<'a>,
    found: Found<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Found<'a> {
    /// The policy names the target.
    One(&'a Cell),
    /// The policy does not; these are the patterns that may cover it.
    Patterns([Option<&'a Cell>; 5]),
    /// Nothing is known of it, and the rules are read one by one.
    Unknown,
}

impl Book {
    pub(super) fn list(&self, list: u32) -> Option<&RuleList> {
        self.lists.get(list as usize)
    }

    pub(super) fn allows_path(&self, list: u32, asked: &PathAttributes<'_>) -> bool {
        self.list(list).is_some_and(|list| list.allows_path(asked))
    }

    #[inline]
    pub(super) fn question<'a>(&'a self, asked: &'a ResourceAttributes<'a>) -> Question<'a> {
        let target = [asked.api_group, asked.resource, asked.subresource];
        let found = match self.cells.get(&(target, Some(asked.verb))) {
            Some(cell) => Found::One(cell),
            None => self.find(asked),
        };
        Question { book: self, asked, found }
    }

    /// For a verb that no rule names on the target, and for a target that none names.
    #[inline(never)]
    fn find(&self, asked: &ResourceAttributes<'_>) -> Found<'_> {
        let (group, resource, subresource) = (asked.api_group, asked.resource, asked.subresource);
        // no resource of Kubernetes looks like this, and its entries could be read in two ways
        if resource.contains('/') {
            return Found::Unknown;
        }
        if let Some(cell) = self.cells.get(&([group, resource, subresource], None)) {
            return Found::One(cell);
        }
        let pattern = |group, resource, subresource| {
            let target = [group, resource, subresource];
            self.cells.get(&(target, Some(asked.verb))).or_else(|| self.cells.get(&(target, None)))
        };
        let any_group = self.patterns.any_group;
        let any_resource = self.patterns.any_resource && !subresource.is_empty();
        Found::Patterns([
            pattern(group, "*", ""),
            pattern("*", "*", ""),
            any_group.then(|| pattern("*", resource, subresource)).flatten(),
            any_resource.then(|| pattern(group, "*", subresource)).flatten(),
            any_resource.then(|| pattern("*", "*", subresource)).flatten(),
        ])
    }
}

impl Question<'_> {
    /// Whether a rule of the list allows it.
    #[inline]
    pub(super) fn is_allowed_by(&self, list: u32) -> bool {
        match &self.found {
            Found::One(cell) => self.is_in(cell, list),
            Found::Patterns(cells) => cells.iter().flatten().any(|cell| self.is_in(cell, list)),
            Found::Unknown => self.book.list(list).is_some_and(|list| list.allows(self.asked)),
        }
    }

    fn is_in(&self, cell: &Cell, list: u32) -> bool {
        let sets = &self.book.sets;
        sets.contains(cell.any_name, list)
            || (sets.contains(cell.some_names, list)
                && self.book.list(list).is_some_and(|list| list.allows_by_name(self.asked)))
    }
}
