//! A policy compiled, to decide by.

mod book;
mod bound;
mod build;
mod chunked;
mod grants;
mod names;
mod patch;
mod places;
mod resolved;
mod subjects;
mod table;
mod visible;
mod visit;

use std::sync::Arc;

use catalog_core::name::Namespace;

pub(super) use self::bound::Binding;
use self::{
    book::{Book, MISSING, Question},
    bound::Bindings,
    chunked::Chunked,
    grants::{Grants, Sets},
    names::Names,
    places::Places,
    subjects::Subjects,
    table::Table,
};
pub use self::{
    resolved::{ResolvedIdentity, Stale},
    visible::{Visible, VisibleNamespaces},
};
use super::{Attributes, Caller, PathAttributes, ResourceAttributes, Verdict};

/// A policy as it was at one moment, compiled: nothing in it changes, and any number of threads may ask it.
///
/// A decision looks up the caller's names, then one word for each of them in the cluster's bindings and in the namespace's, so
/// that it costs the same among ten bindings and ten thousand.
#[derive(Clone, Debug)]
pub struct Snapshot {
    generation: u64,
    /// Tells this snapshot from all others, so that numbers are not taken to another.
    mark: Arc<()>,
    book: Arc<Book>,
    subjects: Subjects,
    namespaces: Namespaces,
    cluster: Scope,
    /// By number of the namespace.
    tables: Chunked<Table>,
    bindings: Chunked<Bindings>,
    places: Places,
    sets: Sets,
    /// How many bindings were changed since all was built.
    patches: usize,
}

/// The bindings of one place, twice: to decide by and to tell of.
#[derive(Clone, Debug, Default)]
struct Scope {
    table: Table,
    bindings: Bindings,
}

/// The namespaces in which there are bindings, with numbers.
#[derive(Clone, Debug)]
struct Namespaces {
    numbers: Names,
    names: Chunked<Namespace>,
}

/// What a list of subjects found out so far.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    /// A binding names the caller whose role is not there.
    unresolved: bool,
}

impl Snapshot {
    /// The number of this state of the policy: it grows with every change.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether the caller may do what is asked.
    ///
    /// Nothing is allocated for a yes.
    pub fn decide<'a>(&self, caller: impl Into<Caller<'a>>, attributes: &Attributes<'_>) -> Verdict {
        self.decide_for(self.subjects.of(caller.into()), attributes)
    }

    /// Whether the one who was resolved may do what is asked: as [`decide`](Self::decide), without looking names up.
    ///
    /// # Errors
    /// [`Stale`] if it was resolved by another snapshot.
    pub fn decide_resolved(
        &self,
        identity: &ResolvedIdentity,
        attributes: &Attributes<'_>,
    ) -> Result<Verdict, Stale> {
        let subjects = identity.subjects(self)?;
        Ok(self.decide_for(subjects.iter().copied(), attributes))
    }

    fn decide_for(&self, subjects: impl Iterator<Item = u32>, attributes: &Attributes<'_>) -> Verdict {
        match attributes {
            Attributes::Resource(asked) => self.decide_resource(subjects, asked),
            Attributes::Path(asked) => self.decide_path(subjects, asked),
        }
    }

    fn decide_resource(
        &self,
        subjects: impl Iterator<Item = u32>,
        asked: &ResourceAttributes<'_>,
    ) -> Verdict {
        let question = self.book.question(asked);
        let table = self.table(asked.namespace);
        let mut tally = Tally::default();
        for subject in subjects {
            let cluster = self.cluster.table.get(subject);
            let own = table.and_then(|table| table.get(subject));
            for grants in cluster.into_iter().chain(own) {
                if self.allows(grants, &question, &mut tally) {
                    return Verdict::Allow;
                }
            }
        }
        Verdict::NoOpinion { unresolved: tally.unresolved }
    }

    /// Only what is bound in the whole cluster counts for a path.
    fn decide_path(&self, subjects: impl Iterator<Item = u32>, asked: &PathAttributes<'_>) -> Verdict {
        let mut unresolved = false;
        for grants in subjects.filter_map(|subject| self.cluster.table.get(subject)) {
            let is_allowed = self.sets.any(grants, |list| {
                unresolved |= list == MISSING;
                self.book.list(list).is_some_and(|list| list.allows_path(asked))
            });
            if is_allowed {
                return Verdict::Allow;
            }
        }
        Verdict::NoOpinion { unresolved }
    }

    /// What is granted in that namespace; nothing is in one without bindings.
    fn table(&self, namespace: &str) -> Option<&Table> {
        if namespace.is_empty() {
            return None;
        }
        self.tables.get(self.namespaces.numbers.number(namespace)? as usize)
    }

    fn allows(&self, grants: Grants, question: &Question<'_>, tally: &mut Tally) -> bool {
        self.sets.any(grants, |list| {
            tally.unresolved |= list == MISSING;
            question.is_allowed_by(list)
        })
    }
}
