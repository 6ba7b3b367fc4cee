use std::sync::Arc;

use crate::engine::object::{ClusterRoleBinding, RoleBinding, RoleRef, Subject};

/// A binding of either kind.
#[derive(Clone, Debug)]
pub(in crate::engine) enum Binding {
    Namespaced(Arc<RoleBinding>),
    Cluster(Arc<ClusterRoleBinding>),
}

impl Binding {
    pub(in crate::engine) fn name(&self) -> &str {
        match self {
            Self::Namespaced(binding) => &binding.metadata.name,
            Self::Cluster(binding) => &binding.metadata.name,
        }
    }

    pub(in crate::engine) fn namespace(&self) -> Option<&str> {
        match self {
            Self::Namespaced(binding) => binding.metadata.namespace.as_deref(),
            Self::Cluster(_) => None,
        }
    }

    pub(in crate::engine) fn role_ref(&self) -> &RoleRef {
        match self {
            Self::Namespaced(binding) => &binding.role_ref,
            Self::Cluster(binding) => &binding.role_ref,
        }
    }

    pub(in crate::engine) fn subjects(&self) -> &[Subject] {
        match self {
            Self::Namespaced(binding) => &binding.subjects,
            Self::Cluster(binding) => &binding.subjects,
        }
    }
}

/// A binding in numbers.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) binding: Binding,
    /// The role's rule list.
    pub(super) list: u32,
    /// One for each subject of the binding; none for who cannot be anybody.
    pub(super) subjects: Box<[Option<u32>]>,
}

impl Bound {
    /// Each of its subjects once: who stands in it twice has the role once.
    pub(super) fn distinct(&self) -> impl Iterator<Item = u32> {
        let known = self.subjects.iter().enumerate().filter_map(|(at, subject)| Some((at, (*subject)?)));
        known
            .filter(|(at, subject)| !self.subjects.iter().take(*at).any(|other| *other == Some(*subject)))
            .map(|(_, subject)| subject)
    }
}

/// The bindings of one place by name. A clone shares them, and a change copies few.
#[derive(Clone, Debug, Default)]
pub(super) struct Bindings {
    /// Sorted, and none of them empty.
    chunks: Vec<Arc<[Arc<Bound>]>>,
}

/// How many bindings share one allocation at most.
const CHUNK: usize = 128;

impl Bindings {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Bound>> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }

    pub(super) fn get(&self, name: &str) -> Option<&Arc<Bound>> {
        let chunk = self.chunks.get(self.chunk_of(name))?;
        let at = chunk.binary_search_by(|bound| bound.binding.name().cmp(name)).ok()?;
        chunk.get(at)
    }

    /// With another binding of that name, or without any.
    pub(super) fn with(&self, name: &str, bound: Option<Arc<Bound>>) -> Self {
        let mut chunks = self.chunks.clone();
        let at = self.chunk_of(name).min(chunks.len());
        let old = chunks.get(at).map(AsRef::as_ref).unwrap_or_default();
        let split = old.partition_point(|other| other.binding.name() < name);
        let (before, after) = old.split_at(split);
        let after = after.iter().skip_while(|other| other.binding.name() == name);
        let changed: Vec<Arc<Bound>> = before.iter().cloned().chain(bound).chain(after.cloned()).collect();
        let changed = changed.chunks(CHUNK).map(Arc::from).collect::<Vec<_>>();
        chunks.splice(at..(at + 1).min(chunks.len()), changed);
        Self { chunks }
    }

    /// The chunk that the name is in, or would be.
    fn chunk_of(&self, name: &str) -> usize {
        let first_is_after =
            |chunk: &Arc<[Arc<Bound>]>| chunk.first().is_none_or(|first| first.binding.name() > name);
        self.chunks.partition_point(|chunk| !first_is_after(chunk)).saturating_sub(1)
    }
}

/// From bindings that are sorted by name.
impl FromIterator<Arc<Bound>> for Bindings {
    fn from_iter<I: IntoIterator<Item = Arc<Bound>>>(sorted: I) -> Self {
        let sorted: Vec<Arc<Bound>> = sorted.into_iter().collect();
        Self { chunks: sorted.chunks(CHUNK / 2).map(Arc::from).collect() }
    }
}
