//! A policy compiled, to decide by.

mod book;
mod bound;
mod build;
mod chunked;
mod cluster;
mod grants;
mod names;
mod patch;
mod places;
mod resolved;
mod subjects;
mod table;
mod text;
mod visible;
mod visit;

use std::sync::Arc;

use catalog_core::name::Namespace;

pub(super) use self::bound::Binding;
use self::{
    book::{Book, MISSING, Question},
    bound::Bindings,
    chunked::Chunked,
    cluster::Cluster,
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
use super::{Attributes, Caller, PathAttributes, Verdict};

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
    cluster: Cluster,
    places: Places,
    sets: Sets,
    /// How many bindings were changed since all was built.
    patches: usize,
}

/// What a caller's grants told so far, none of which allows it.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    /// One of them is of a role that is not there.
    unresolved: bool,
}

impl Tally {
    fn no_opinion(self) -> Verdict {
        Verdict::NoOpinion { unresolved: self.unresolved }
    }
}

/// The namespaces in which there are bindings, with numbers.
#[derive(Clone, Debug)]
struct Namespaces {
    /// With what is granted there.
    tables: Names<Table>,
    names: Chunked<Namespace>,
    /// By number.
    bindings: Chunked<Bindings>,
}

impl Snapshot {
    /// The number of this state of the policy: it grows with every change.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether the caller may do what is asked.
    ///
    /// Nothing is allocated for it.
    pub fn decide<'a>(&self, caller: impl Into<Caller<'a>>, attributes: &Attributes<'_>) -> Verdict {
        let subjects = self.subjects.of(caller.into());
        let mut tally = Tally::default();
        let is_allowed = match attributes {
            Attributes::Resource(asked) => {
                let question = self.book.question(asked);
                let table = self.table(asked.namespace);
                subjects.any(|subject| {
                    let cluster = self.cluster.get(subject);
                    let own = table.and_then(|table| table.get(subject));
                    cluster.is_some_and(|grants| self.allows(grants, &question, &mut tally))
                        || own.is_some_and(|grants| self.allows(grants, &question, &mut tally))
                })
            }
            Attributes::Path(asked) => subjects.any(|subject| {
                let cluster = self.cluster.get(subject);
                cluster.is_some_and(|grants| self.allows_path(grants, asked, &mut tally))
            }),
        };
        if is_allowed { Verdict::Allow } else { tally.no_opinion() }
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
        let (cluster, subjects) = identity.of(self)?;
        let mut tally = Tally::default();
        match attributes {
            Attributes::Resource(asked) => {
                let question = self.book.question(asked);
                for grants in cluster {
                    if self.allows(*grants, &question, &mut tally) {
                        return Ok(Verdict::Allow);
                    }
                }
                if let Some(table) = self.table(asked.namespace) {
                    for grants in subjects.iter().filter_map(|subject| table.get(*subject)) {
                        if self.allows(grants, &question, &mut tally) {
                            return Ok(Verdict::Allow);
                        }
                    }
                }
            }
            Attributes::Path(asked) => {
                for grants in cluster {
                    if self.allows_path(*grants, asked, &mut tally) {
                        return Ok(Verdict::Allow);
                    }
                }
            }
        }
        Ok(tally.no_opinion())
    }

    #[inline]
    fn allows(&self, grants: Grants, question: &Question<'_>, tally: &mut Tally) -> bool {
        self.sets.any(grants, |list| {
            tally.unresolved |= list == MISSING;
            question.is_allowed_by(list)
        })
    }

    fn allows_path(&self, grants: Grants, asked: &PathAttributes<'_>, tally: &mut Tally) -> bool {
        self.sets.any(grants, |list| {
            tally.unresolved |= list == MISSING;
            self.book.allows_path(list, asked)
        })
    }

    /// What is granted in that namespace; nothing is in one without bindings.
    fn table(&self, namespace: &str) -> Option<&Table> {
        if namespace.is_empty() {
            return None;
        }
        self.namespaces.tables.find(namespace).map(|(_, table)| table)
    }
}
