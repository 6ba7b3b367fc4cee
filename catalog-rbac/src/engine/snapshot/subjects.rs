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
    #[inline]
    pub(super) fn of<'a>(&'a self, caller: Caller<'a>) -> Numbers<'a> {
        Numbers { subjects: self, caller }
    }
}

/// The numbers of a caller, looked up one after the other.
#[derive(Clone, Copy)]
pub(super) struct Numbers<'a> {
    subjects: &'a Subjects,
    caller: Caller<'a>,
}

impl Numbers<'_> {
    /// Whether `is_wanted` holds for one of them.
    #[inline]
    pub(super) fn any(self, mut is_wanted: impl FnMut(u32) -> bool) -> bool {
        let Self { subjects: Subjects { users, groups }, caller } = self;
        // plain steps, since this is where most of a decision's time goes
        if users.number(caller.user).is_some_and(|number| is_wanted(number << 1)) {
            return true;
        }
        for group in caller.groups {
            if groups.number(group).is_some_and(|number| is_wanted(number << 1 | 1)) {
                return true;
            }
        }
        false
    }

    pub(super) fn to_vec(self) -> Vec<u32> {
        let mut all = Vec::new();
        self.any(|number| {
            all.push(number);
            false
        });
        all
    }
}
