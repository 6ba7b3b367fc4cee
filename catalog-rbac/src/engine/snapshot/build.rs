use std::sync::Arc;

use catalog_core::name::Namespace;

use super::{
    Namespaces, Snapshot,
    book::Book,
    bound::{Binding, Bindings, Bound},
    chunked::Chunked,
    cluster::Cluster,
    grants::SetsBuilder,
    names::Names,
    places::{Place, Places},
    subjects::Subjects,
    table::{Entry, Table},
};
use crate::engine::policy::Policy;

impl Snapshot {
    /// Compiles a policy.
    pub fn build(policy: &Policy, generation: u64) -> Self {
        let book = Book::build(policy);
        // as many subjects as bindings is a fair guess
        let mut builder = Builder {
            subjects: Subjects::with_capacity(policy.bindings()),
            sets: SetsBuilder::default(),
            pairs: Vec::new(),
            book: &book,
        };
        let cluster = policy.cluster_role_bindings.values().map(Arc::clone).map(Binding::Cluster);
        let (table, bound) = builder.place(cluster, |_, _| {});
        let cluster = Cluster::new(bound, table);
        let mut namespaces = Namespaces::with_capacity(policy.role_bindings.len());
        let mut places = Vec::new();
        for (namespace, of_namespace) in &policy.role_bindings {
            let number = namespaces.intern(namespace);
            let of_namespace = of_namespace.values().map(Arc::clone).map(Binding::Namespaced);
            let (table, bound) = builder.place(of_namespace, |subject, grants| {
                places.push((subject, Place { namespace: number, grants }));
            });
            namespaces.set(namespace, number, table, bound);
        }
        let Builder { subjects, sets, .. } = builder;
        Self {
            generation,
            mark: Arc::new(()),
            places: Places::build(places, subjects.users(), subjects.groups()),
            subjects,
            namespaces,
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
    /// Subject above list, once for each binding that gives it; kept for its memory alone.
    pairs: Vec<u64>,
}

impl Builder<'_> {
    /// The bindings of one place, sorted by name; tells what each subject is granted there.
    fn place(
        &mut self,
        bindings: impl Iterator<Item = Binding>,
        mut tell: impl FnMut(u32, super::Grants),
    ) -> (Table, Bindings) {
        self.pairs.clear();
        let bindings = bindings
            .map(|binding| {
                let bound = Arc::new(Bound::new(binding, self.book, &mut self.subjects));
                let pair = |subject: u32| u64::from(subject) << 32 | u64::from(bound.list);
                self.pairs.extend(bound.distinct().into_iter().map(pair));
                bound
            })
            .collect();
        self.pairs.sort_unstable();
        let mut lists = Vec::new();
        let table: Vec<Entry> = self
            .pairs
            .chunk_by(|a, b| a >> 32 == b >> 32)
            .map(|pairs| {
                lists.clear();
                lists.extend(
                    pairs.iter().map(|pair| u32::try_from(pair & u64::from(u32::MAX)).unwrap_or_default()),
                );
                let subject = pairs.first().map_or(0, |pair| pair >> 32);
                let subject = u32::try_from(subject).unwrap_or_default();
                let grants = self.sets.grants(&lists);
                tell(subject, grants);
                (subject, grants)
            })
            .collect();
        (Table::from(table), bindings)
    }
}

impl Bound {
    pub(super) fn new(binding: Binding, book: &Book, subjects: &mut Subjects) -> Self {
        let namespace = binding.namespace();
        let list = book.roles.list(binding.role_ref(), namespace);
        let number =
            |subject: &super::super::object::Subject| Some(subjects.intern(&subject.who(namespace)?));
        let subjects = binding.subjects().iter().map(number).collect();
        Self { binding, list, subjects }
    }
}

impl Namespaces {
    fn with_capacity(namespaces: usize) -> Self {
        Self {
            tables: Names::with_capacity(namespaces),
            names: Chunked::default(),
            bindings: Chunked::default(),
        }
    }

    pub(super) fn intern(&mut self, namespace: &Namespace) -> u32 {
        let number = self.tables.intern(namespace.as_str());
        if number as usize == self.names.len() {
            self.names.push(namespace.clone());
            self.bindings.push(Bindings::default());
        }
        number
    }

    pub(super) fn set(&mut self, namespace: &Namespace, number: u32, table: Table, bindings: Bindings) {
        self.tables.set(namespace.as_str(), table);
        self.bindings.set(number as usize, bindings);
    }
}
