//! The least that there is to do: with names a look at each of them, with numbers one.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::{
    contender::Contender,
    workload::{Question, Workload},
};

/// One probe by a number that stands for caller and namespace, and one bit.
#[derive(Debug)]
pub(crate) struct Numbers {
    table: HashMap<u64, u64, RandomState>,
    keys: Vec<(u64, u32)>,
}

impl Numbers {
    pub(crate) fn new(workload: &Workload) -> Self {
        let mut table = HashMap::default();
        let mut keys = Vec::new();
        for (key, question) in (0_u64..).zip(&workload.questions) {
            let bit = u32::try_from(key % 64).unwrap_or_default();
            table.insert(key, u64::from(question.allowed) << bit);
            keys.push((key, bit));
        }
        Self { table, keys }
    }
}

impl Contender for Numbers {
    fn one(&self, question: usize) -> bool {
        let Some((key, bit)) = self.keys.get(question) else { return false };
        self.table.get(key).is_some_and(|bits| bits >> bit & 1 == 1)
    }
}

/// The user, the groups and the namespace found in tables of all names of the policy.
#[derive(Debug)]
pub(crate) struct Names<'a> {
    subjects: HashMap<&'a str, u32, RandomState>,
    namespaces: HashMap<&'a str, u32, RandomState>,
    questions: &'a [Question],
}

impl<'a> Names<'a> {
    pub(crate) fn new(workload: &'a Workload) -> Self {
        let (mut subjects, mut namespaces) = (HashMap::default(), HashMap::default());
        for (number, grant) in (0..).zip(&workload.grants) {
            subjects.extend(grant.subjects.iter().map(|subject| (subject.name.as_str(), number)));
            namespaces.extend(grant.namespace.as_deref().map(|namespace| (namespace, number)));
        }
        Self { subjects, namespaces, questions: &workload.questions }
    }
}

impl Contender for Names<'_> {
    fn one(&self, question: usize) -> bool {
        let Some(question) = self.questions.get(question) else { return false };
        let groups = question.groups.iter().filter_map(|group| self.subjects.get(group.as_str()));
        let user = self.subjects.get(question.user.as_str());
        let namespace = self.namespaces.get(question.namespace.as_str());
        user.into_iter().chain(groups).chain(namespace).fold(0, |sum, number| sum ^ number) & 1 == 1
    }

    fn is_checked(&self) -> bool {
        false
    }
}
