use super::names::Names;
use crate::engine::{Caller, object::Who};

/// Everybody whom bindings name, as numbers: users have even ones, groups odd ones.
#[derive(Clone, Debug)]
pub(super) struct Subjects {
    users: Names,
    groups: Names,
}

impl Subjects {
    /// For about so many users.
    pub(super) fn with_capacity(users: usize) -> Self {
        Self { users: Names::with_capacity(users), groups: Names::with_capacity(users / 8) }
    }

    pub(super) fn users(&self) -> usize {
        self.users.len()
    }

    pub(super) fn groups(&self) -> usize {
        self.groups.len()
    }

    pub(super) fn intern(&mut self, who: &Who<'_>) -> u32 {
        match who {
            Who::User(name) => self.users.intern(name) << 1,
            Who::Group(name) => self.groups.intern(name) << 1 | 1,
        }
    }

    /// The numbers of a caller, user first; whom no binding names has none.
    pub(super) fn of<'a>(&'a self, caller: Caller<'a>) -> impl Iterator<Item = u32> + Clone + 'a {
        let user = self.users.number(caller.user).map(|number| number << 1);
        let groups = caller.groups.iter().filter_map(|group| self.groups.number(group));
        user.into_iter().chain(groups.map(|number| number << 1 | 1))
    }
}
