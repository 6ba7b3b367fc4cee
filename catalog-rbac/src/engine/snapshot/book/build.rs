use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use foldhash::fast::RandomState;

use super::{
    Book, Patterns, Roles, RuleList,
    aggregate::aggregated,
    cell::{Cell, Cells, Key},
    list::Rules,
    set::{Set, SetStore},
};
use crate::engine::{object::PolicyRule, policy::Policy};

impl Book {
    pub(in crate::engine::snapshot) fn build(policy: &Policy) -> Self {
        let aggregated = aggregated(&policy.cluster_roles);
        let mut lists = Lists::new();
        let mut roles = Roles::with_capacity(policy.roles.len());
        for (name, role) in &policy.cluster_roles {
            let list = match aggregated.get(name.as_str()) {
                Some(own) => lists.number(own, || Rules::Own(own.as_slice().into())),
                None => lists.number(&role.rules, || Rules::ClusterRole(Arc::clone(role))),
            };
            roles.add(None, name, list);
        }
        for (namespace, of_namespace) in &policy.roles {
            for (name, role) in of_namespace {
                let list = lists.number(&role.rules, || Rules::Role(Arc::clone(role)));
                roles.add(Some(namespace.as_str()), name, list);
            }
        }
        let atoms = Atoms::collect(&lists.rules);
        let mut sets = Sets::default();
        let cells = Cells::build(&atoms.cells(&mut sets));
        let patterns = atoms.patterns();
        let lists = lists.sources.into_iter().map(RuleList::new).collect();
        Self { lists, roles, cells, patterns, sets: sets.store }
    }
}

/// Rule lists with numbers, equal ones once.
struct Lists<'a> {
    rules: Vec<&'a [PolicyRule]>,
    sources: Vec<Rules>,
    known: HashMap<&'a [PolicyRule], u32, RandomState>,
}

impl<'a> Lists<'a> {
    /// With that of missing roles, which no role shares: it says more than to allow nothing.
    fn new() -> Self {
        Self { rules: vec![&[]], sources: vec![Rules::Own(Arc::default())], known: HashMap::default() }
    }

    fn number(&mut self, rules: &'a [PolicyRule], source: impl FnOnce() -> Rules) -> u32 {
        *self.known.entry(rules).or_insert_with(|| {
            self.rules.push(rules);
            self.sources.push(source());
            u32::try_from(self.rules.len() - 1).unwrap_or(super::MISSING)
        })
    }
}

/// Group, resource and subresource, as a rule says them.
type Target<'a> = [&'a str; 3];

/// By verb; `None` is `*`.
type Rows<'a> = BTreeMap<Option<&'a str>, Row>;

/// The lists of which a rule says a target and a verb by name, sorted.
#[derive(Clone, Debug, Default)]
struct Row {
    any_name: Vec<u32>,
    some_names: Vec<u32>,
}

/// What rules say, word for word.
#[derive(Default)]
struct Atoms<'a> {
    rows: HashMap<Target<'a>, Rows<'a>, RandomState>,
}

impl<'a> Atoms<'a> {
    fn collect(lists: &[&'a [PolicyRule]]) -> Self {
        let mut atoms = Self::default();
        for (list, rules) in (0..).zip(lists) {
            for rule in *rules {
                atoms.add(list, rule);
            }
        }
        atoms
    }

    fn add(&mut self, list: u32, rule: &'a PolicyRule) {
        let entries =
            |group: &'a String| rule.resources.iter().map(move |entry| (group.as_str(), entry.as_str()));
        for (group, entry) in rule.api_groups.iter().flat_map(entries) {
            let (resource, subresource) = match entry.split_once('/') {
                // such an entry covers only what is asked with a `/` in the resource
                Some((_, "")) => continue,
                Some(split) => split,
                None => (entry, ""),
            };
            let rows = self.rows.entry([group, resource, subresource]).or_default();
            for verb in &rule.verbs {
                let row = rows.entry((verb != "*").then_some(verb)).or_default();
                let lists =
                    if rule.resource_names.is_empty() { &mut row.any_name } else { &mut row.some_names };
                if lists.last() != Some(&list) {
                    lists.push(list);
                }
            }
        }
    }

    fn patterns(&self) -> Patterns {
        Patterns {
            any_group: self.rows.keys().any(|[group, resource, _]| *group == "*" && *resource != "*"),
            any_resource: self
                .rows
                .keys()
                .any(|[_, resource, subresource]| *resource == "*" && !subresource.is_empty()),
        }
    }

    /// For each target the lists that allow a verb on it: by rules that name it, and by patterns that cover it.
    fn cells(&self, sets: &mut Sets) -> Vec<(Key<'a>, Cell)> {
        let mut cells = Vec::new();
        for target in self.rows.keys() {
            let covering = self.covering(target);
            let verbs: BTreeSet<Option<&str>> =
                covering.iter().flat_map(|rows| rows.keys().copied()).chain([None]).collect();
            for verb in verbs {
                let named = covering.iter().filter_map(|rows| rows.get(&verb));
                let starred = covering.iter().filter_map(|rows| rows.get(&None).filter(|_| verb.is_some()));
                let rows: Vec<&Row> = named.chain(starred).collect();
                let cell = Cell {
                    any_name: sets.add(rows.iter().flat_map(|row| &row.any_name)),
                    some_names: sets.add(rows.iter().flat_map(|row| &row.some_names)),
                };
                cells.push(((*target, verb), cell));
            }
        }
        cells
    }

    fn covering(&self, [group, resource, subresource]: &Target<'a>) -> Vec<&Rows<'a>> {
        let mut targets = vec![
            [*group, *resource, *subresource],
            [*group, "*", ""],
            ["*", *resource, *subresource],
            ["*", "*", ""],
            [*group, "*", *subresource],
            ["*", "*", *subresource],
        ];
        targets.sort_unstable();
        targets.dedup();
        targets.iter().filter_map(|target| self.rows.get(target)).collect()
    }
}

/// Sets of lists, equal ones once.
#[derive(Default)]
struct Sets {
    store: SetStore,
    known: HashMap<Vec<u32>, Set, RandomState>,
}

impl Sets {
    fn add<'a>(&mut self, lists: impl Iterator<Item = &'a u32>) -> Set {
        let mut lists: Vec<u32> = lists.copied().collect();
        lists.sort_unstable();
        lists.dedup();
        if let Some(set) = self.known.get(&lists) {
            return *set;
        }
        let set = self.store.add(&lists);
        self.known.insert(lists, set);
        set
    }
}
