use std::collections::{BTreeMap, BTreeSet, HashMap};

use foldhash::fast::RandomState;

use super::{
    Book, Roles, RuleList,
    aggregate::aggregated,
    set::{Set, SetStore},
    target::{Cell, Targets},
};
use crate::engine::{object::PolicyRule, policy::Policy};

impl Book {
    pub(in crate::engine::snapshot) fn build(policy: &Policy) -> Self {
        let aggregated = aggregated(&policy.cluster_roles);
        let mut lists = Lists::new();
        let mut roles = Roles::default();
        for (name, role) in &policy.cluster_roles {
            let list = lists.number(aggregated.get(name.as_str()).unwrap_or(&role.rules));
            roles.cluster_roles.insert(name.clone(), list);
        }
        for (namespace, of_namespace) in &policy.roles {
            let numbers = of_namespace.iter().map(|(name, role)| (name.clone(), lists.number(&role.rules)));
            roles.roles.insert(namespace.as_str().into(), numbers.collect());
        }
        let mut targets = Targets::new();
        let atoms = Atoms::collect(&lists.rules, &mut targets);
        let mut sets = Sets::default();
        atoms.fill(&mut targets, &mut sets);
        let lists = lists.rules.iter().map(|rules| RuleList::new(rules)).collect();
        Self { lists, roles, targets, sets: sets.store }
    }
}

/// Rule lists with numbers, equal ones once.
struct Lists<'a> {
    rules: Vec<&'a [PolicyRule]>,
    known: HashMap<&'a [PolicyRule], u32, RandomState>,
}

impl<'a> Lists<'a> {
    /// With that of missing roles, which no role shares: it says more than to allow nothing.
    fn new() -> Self {
        Self { rules: vec![&[]], known: HashMap::default() }
    }

    fn number(&mut self, rules: &'a [PolicyRule]) -> u32 {
        *self.known.entry(rules).or_insert_with(|| {
            self.rules.push(rules);
            u32::try_from(self.rules.len() - 1).unwrap_or(super::MISSING)
        })
    }
}

/// Which lists have a rule that says the target and verb by name, in the order of their numbers.
#[derive(Clone, Debug, Default)]
struct Row {
    any_name: Vec<u32>,
    some_names: Vec<u32>,
}

/// What rules say, word for word.
struct Atoms {
    /// For each target by verb; `None` is `*`.
    rows: Vec<BTreeMap<Option<u32>, Row>>,
}

impl Atoms {
    fn collect(lists: &[&[PolicyRule]], targets: &mut Targets) -> Self {
        let mut rows: Vec<BTreeMap<Option<u32>, Row>> = Vec::new();
        for (list, rule) in
            lists.iter().enumerate().flat_map(|(list, rules)| rules.iter().map(move |rule| (list, rule)))
        {
            let list = u32::try_from(list).unwrap_or(super::MISSING);
            let verbs: Vec<Option<u32>> =
                rule.verbs.iter().map(|verb| (verb != "*").then(|| targets.intern_verb(verb))).collect();
            for (group, entry) in rule
                .api_groups
                .iter()
                .flat_map(|group| rule.resources.iter().map(move |entry| (group, entry)))
            {
                let (resource, subresource) = match entry.split_once('/') {
                    // such an entry covers only what is asked with a `/` in the resource
                    Some((_, "")) => continue,
                    Some(split) => split,
                    None => (entry.as_str(), ""),
                };
                let target = targets.intern(group, resource, subresource);
                if rows.len() <= target {
                    rows.resize_with(target + 1, BTreeMap::new);
                }
                let Some(row) = rows.get_mut(target) else { continue };
                for verb in &verbs {
                    let row = row.entry(*verb).or_default();
                    let lists =
                        if rule.resource_names.is_empty() { &mut row.any_name } else { &mut row.some_names };
                    if lists.last() != Some(&list) {
                        lists.push(list);
                    }
                }
            }
        }
        Self { rows }
    }

    /// Gives each target the sets of lists that allow a verb on it: by rules that name it, and by patterns that cover it.
    fn fill(&self, targets: &mut Targets, sets: &mut Sets) {
        let covering: Vec<Vec<&BTreeMap<Option<u32>, Row>>> = targets
            .iter()
            .map(|target| {
                let (group, resource, subresource) =
                    (&*target.group, &*target.resource, &*target.subresource);
                let mut numbers: Vec<usize> = [
                    targets.number(group, resource, subresource),
                    targets.number(group, "*", ""),
                    targets.number("*", resource, subresource),
                    targets.number("*", "*", ""),
                    targets.number(group, "*", subresource),
                    targets.number("*", "*", subresource),
                ]
                .into_iter()
                .flatten()
                .collect();
                numbers.sort_unstable();
                numbers.dedup();
                numbers.into_iter().filter_map(|number| self.rows.get(number)).collect()
            })
            .collect();
        for (target, covering) in targets.iter_mut().zip(covering) {
            let verbs: BTreeSet<u32> =
                covering.iter().flat_map(|rows| rows.keys().copied().flatten()).collect();
            let mut cell = |verb: Option<u32>| {
                let rows = || {
                    covering
                        .iter()
                        .flat_map(|rows| [rows.get(&None), verb.and_then(|verb| rows.get(&Some(verb)))])
                        .flatten()
                };
                Cell {
                    any_name: sets.add(rows().flat_map(|row| &row.any_name)),
                    some_names: sets.add(rows().flat_map(|row| &row.some_names)),
                }
            };
            let any = cell(None);
            let verbs = verbs.into_iter().map(|verb| (verb, cell(Some(verb)))).collect();
            target.set(any, verbs);
        }
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
