//! Rules compiled: which rule lists allow what, as sets of their numbers.

mod aggregate;
mod build;
mod list;
mod roles;
mod set;
mod target;

pub(super) use self::{list::RuleList, roles::Roles};
use self::{
    set::SetStore,
    target::{Cell, Targets},
};
use crate::engine::ResourceAttributes;

/// The number of a list that stands for a role which is not there.
pub(super) const MISSING: u32 = 0;

/// The rule lists of a policy's roles, equal ones once, and for each target and verb the set of those that allow it.
#[derive(Debug)]
pub(super) struct Book {
    lists: Vec<RuleList>,
    pub(super) roles: Roles,
    targets: Targets,
    sets: SetStore,
}

/// What is asked of a resource, looked up once, to be put to any number of rule lists.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question<'a> {
    book: &'a Book,
    asked: ResourceAttributes<'a>,
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

    pub(super) fn question<'a>(&'a self, asked: &ResourceAttributes<'a>) -> Question<'a> {
        Question { book: self, asked: *asked, found: self.find(asked) }
    }

    fn find<'a>(&'a self, asked: &ResourceAttributes<'a>) -> Found<'a> {
        // no resource of Kubernetes looks like this, and its entries could be read in two ways
        if asked.resource.contains('/') {
            return Found::Unknown;
        }
        let verb = self.targets.verb(asked.verb);
        let (group, resource, subresource) = (asked.api_group, asked.resource, asked.subresource);
        if let Some(target) = self.targets.get(group, resource, subresource) {
            return Found::One(target.cell(verb));
        }
        let pattern = |group, resource, subresource| {
            self.targets.get(group, resource, subresource).map(|target| target.cell(verb))
        };
        let has = self.targets.patterns;
        Found::Patterns([
            pattern(group, "*", ""),
            pattern("*", "*", ""),
            has.any_group.then(|| pattern("*", resource, subresource)).flatten(),
            (has.any_resource && !subresource.is_empty()).then(|| pattern(group, "*", subresource)).flatten(),
            (has.any_resource && !subresource.is_empty()).then(|| pattern("*", "*", subresource)).flatten(),
        ])
    }
}

impl Question<'_> {
    /// Whether a rule of the list allows it.
    pub(super) fn is_allowed_by(&self, list: u32) -> bool {
        match &self.found {
            Found::One(cell) => self.is_in(cell, list),
            Found::Patterns(cells) => cells.iter().flatten().any(|cell| self.is_in(cell, list)),
            Found::Unknown => self.book.list(list).is_some_and(|list| list.allows(&self.asked)),
        }
    }

    fn is_in(&self, cell: &Cell, list: u32) -> bool {
        let sets = &self.book.sets;
        sets.contains(cell.any_name, list)
            || (sets.contains(cell.some_names, list)
                && self.book.list(list).is_some_and(|list| list.allows_by_name(&self.asked)))
    }
}
