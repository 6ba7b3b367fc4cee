use std::sync::Arc;

use catalog_core::name::Namespace;

use super::{
    Namespaces, Snapshot,
    book::Book,
    bound::{Binding, Bindings, Bound},
    cluster::Cluster,
    grants::SetsBuilder,
    names::Names,
    places::{Place, Places},
    subjects::Subjects,
    table::{Entry, Table},
};
use crate::engine::{object::Subject, policy::Policy};

impl Snapshot {
    /// Compiles a policy.
    pub fn build(policy: &Policy, generation: u64) -> Self {
        let book = Book::build(policy);
        // as many subjects as bindings is a fair guess
        let mut builder = Builder {
            subjects: Subjects::with_capacity(policy.bindings()),
            sets: SetsBuilder::default(),
            pairs: Vec::new(),
            entries: Vec::new(),
            book: &book,
        };
        let cluster = policy.cluster_role_bindings.values().map(Arc::clone).map(Binding::Cluster);
        let (table, bound) = builder.place(cluster, |_, _| {});
        let cluster = Cluster::new(bound, table);
        let mut tables = Names::with_capacity(policy.role_bindings.len());
        let (mut names, mut bindings, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for (namespace, of_namespace) in &policy.role_bindings {
            let number = tables.intern(namespace.as_str());
            let of_namespace = of_namespace.values().map(Arc::clone).map(Binding::Namespaced);
            let (table, bound) = builder.place(of_namespace, |subject, grants| {
                places.push((subject, Place { namespace: number, grants }));
            });
            tables.set(namespace.as_str(), table);
            names.push(namespace.clone());
            bindings.push(bound);
        }
        let Builder { subjects, sets, .. } = builder;
        Self {
            generation,
            mark: Arc::new(()),
            places: Places::build(places, subjects.users(), subjects.groups()),
            subjects,
            namespaces: Namespaces {
                tables,
                names: names.into_iter().collect(),
                bindings: bindings.into_iter().collect(),
            },
            cluster,
            sets: sets.build(),
            book: Arc::new(book),
            patches: 0,
        }
    }
}

struct Builder<'a> {
    book: &'a Book,
    subjects: Subjects,
    sets: SetsBuilder,
    /// Subject above list, once for each binding that gives it; kept for its memory alone, as are the entries.
    pairs: Vec<u64>,
    entries: Vec<Entry>,
}

impl Builder<'_> {
    /// The bindings of one place, sorted by name; tells what each subject is granted there.
    fn place(
        &mut self,
        bindings: impl Iterator<Item = Binding>,
        mut tell: impl FnMut(u32, super::Grants),
    ) -> (Table, Bindings) {
        self.pairs.clear();
        self.entries.clear();
        let bindings = bindings
            .map(|binding| {
                let bound = Bound::new(binding, self.book, &mut self.subjects);
                let pair = |subject: u32| u64::from(subject) << 32 | u64::from(bound.list);
                self.pairs.extend(bound.distinct().map(pair));
                Arc::new(bound)
            })
            .collect();
        self.pairs.sort_unstable();
        let mut lists = Vec::new();
        for pairs in self.pairs.chunk_by(|a, b| a >> 32 == b >> 32) {
            lists.clear();
            lists.extend(pairs.iter().map(|pair| halves(*pair).1));
            let Some((subject, _)) = pairs.first().map(|pair| halves(*pair)) else { continue };
            let grants = self.sets.grants(&lists);
            tell(subject, grants);
            self.entries.push((subject, grants));
        }
        (Table::new(&self.entries), bindings)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "both halves are taken")]
fn halves(pair: u64) -> (u32, u32) {
    ((pair >> 32) as u32, pair as u32)
}

impl Bound {
    pub(super) fn new(binding: Binding, book: &Book, subjects: &mut Subjects) -> Self {
        let namespace = binding.namespace();
        let list = book.roles.list(binding.role_ref(), namespace);
        let number = |subject: &Subject| Some(subjects.intern(&subject.who(namespace)?));
        let subjects = binding.subjects().iter().map(number).collect();
        Self { binding, list, subjects }
    }
}

impl Namespaces {
    pub(super) fn intern(&mut self, namespace: &Namespace) -> u32 {
        let number = self.tables.intern(namespace.as_str());
        if number as usize == self.names.len() {
            self.names.push(namespace.clone());
            self.bindings.push(Bindings::default());
        }
        number
    }
}
