use catalog_core::name::Namespace;

use super::{ResolvedIdentity, Snapshot, Stale, book::Question, grants::Grants, subjects::Numbers};
use crate::engine::{Caller, ResourceAttributes};

/// Where somebody may do a thing.
#[derive(Clone, Debug)]
pub enum Visible<'a> {
    /// In every namespace, and outside of all.
    All,
    /// In those.
    Some(VisibleNamespaces<'a>),
}

/// The namespaces in which somebody may do a thing: what is known of them is looked at when it is asked for.
#[derive(Clone, Debug)]
pub struct VisibleNamespaces<'a> {
    snapshot: &'a Snapshot,
    question: Question<'a>,
    subjects: Subjects<'a>,
}

/// How many subjects of a caller need no memory of their own.
const FEW: usize = 16;

#[derive(Clone, Debug)]
enum Subjects<'a> {
    Resolved(&'a [u32]),
    Few([u32; FEW], usize),
    Many(Vec<u32>),
}

impl Snapshot {
    /// The namespaces in which the caller may do what is asked, whatever namespace `asked` names.
    pub fn visible<'a>(
        &'a self,
        caller: impl Into<Caller<'a>>,
        asked: &'a ResourceAttributes<'a>,
    ) -> Visible<'a> {
        let subjects = Subjects::collect(self.subjects.of(caller.into()));
        let question = self.book.question(asked);
        let mut cluster = subjects.as_slice().iter().filter_map(|subject| self.cluster.get(*subject));
        if cluster.any(|grants| self.is_granted(grants, &question)) {
            return Visible::All;
        }
        Visible::Some(VisibleNamespaces { snapshot: self, question, subjects })
    }

    /// As [`visible`](Self::visible), for one who was resolved.
    ///
    /// # Errors
    /// [`Stale`] if it was resolved by another snapshot.
    pub fn visible_resolved<'a>(
        &'a self,
        identity: &'a ResolvedIdentity,
        asked: &'a ResourceAttributes<'a>,
    ) -> Result<Visible<'a>, Stale> {
        let (cluster, subjects) = identity.of(self)?;
        let question = self.book.question(asked);
        if cluster.iter().any(|grants| self.is_granted(*grants, &question)) {
            return Ok(Visible::All);
        }
        let subjects = Subjects::Resolved(subjects);
        Ok(Visible::Some(VisibleNamespaces { snapshot: self, question, subjects }))
    }

    fn is_granted(&self, grants: Grants, question: &Question<'_>) -> bool {
        self.sets.any(grants, |list| question.is_allowed_by(list))
    }
}

impl Visible<'_> {
    /// Whether the namespace is one of them.
    pub fn contains(&self, namespace: &str) -> bool {
        match self {
            Self::All => true,
            Self::Some(namespaces) => namespaces.contains(namespace),
        }
    }
}

impl<'a> VisibleNamespaces<'a> {
    /// Whether the namespace is one of them.
    pub fn contains(&self, namespace: &str) -> bool {
        let Some(table) = self.snapshot.table(namespace) else { return false };
        let mut grants = self.subjects.as_slice().iter().filter_map(|subject| table.get(*subject));
        grants.any(|grants| self.snapshot.is_granted(grants, &self.question))
    }

    /// Each of them once, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &'a Namespace> + use<'a> {
        let snapshot = self.snapshot;
        let mut found = vec![0_u64; snapshot.namespaces.names.len().div_ceil(64)];
        for place in self.subjects.as_slice().iter().flat_map(|subject| snapshot.places.of(*subject)) {
            let Some(word) = found.get_mut(place.namespace as usize / 64) else { continue };
            let bit = 1 << (place.namespace % 64);
            if *word & bit == 0 && snapshot.is_granted(place.grants, &self.question) {
                *word |= bit;
            }
        }
        let numbers = found.into_iter().enumerate().flat_map(|(at, word)| {
            let bits = std::iter::successors(Some(word), |word| Some(word & word.wrapping_sub(1)));
            bits.take_while(|word| *word != 0).map(move |word| at * 64 + word.trailing_zeros() as usize)
        });
        numbers.filter_map(|number| snapshot.namespaces.names.get(number))
    }
}

impl Subjects<'_> {
    fn collect(numbers: Numbers<'_>) -> Self {
        let mut few = [0; FEW];
        let mut len = 0;
        let is_beyond = numbers.any(|number| {
            let place = few.get_mut(len).map(|place| *place = number);
            len += 1;
            place.is_none()
        });
        if is_beyond { Self::Many(numbers.to_vec()) } else { Self::Few(few, len) }
    }

    fn as_slice(&self) -> &[u32] {
        match self {
            Self::Resolved(subjects) => subjects,
            Self::Few(few, len) => few.get(..*len).unwrap_or_default(),
            Self::Many(many) => many,
        }
    }
}
