use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::engine::object::{ClusterRole, PolicyRule};

/// The rules of every cluster role that has them from others.
///
/// They are those of every other role that a selector takes, in the order of selectors and names, each once; what the role itself
/// says counts for nothing. Roles that take each other get the least that holds: rules that are written somewhere.
pub(super) fn aggregated(roles: &BTreeMap<String, Arc<ClusterRole>>) -> BTreeMap<&str, Vec<PolicyRule>> {
    let sources: BTreeMap<&str, Vec<&ClusterRole>> = roles
        .values()
        .filter_map(|role| {
            let taken = role.selectors()?.iter().flat_map(|selector| {
                let others = roles.values().filter(|other| other.metadata.name != role.metadata.name);
                others.filter(|other| selector.matches(&other.metadata.labels)).map(AsRef::as_ref)
            });
            Some((role.metadata.name.as_str(), taken.collect()))
        })
        .collect();
    let mut settled: BTreeMap<&str, Vec<PolicyRule>> =
        sources.keys().map(|name| (*name, Vec::new())).collect();
    // rules are never lost from one round to the next, so that as many as before are the same as before
    loop {
        let next: BTreeMap<&str, Vec<PolicyRule>> =
            sources.iter().map(|(name, taken)| (*name, union(taken, &settled))).collect();
        let is_settled = next.iter().all(|(name, of)| settled.get(name).map(Vec::len) == Some(of.len()));
        settled = next;
        if is_settled {
            return settled;
        }
    }
}

fn union(taken: &[&ClusterRole], aggregated: &BTreeMap<&str, Vec<PolicyRule>>) -> Vec<PolicyRule> {
    let mut seen: HashSet<&PolicyRule, RandomState> = HashSet::default();
    let of = |role: &&ClusterRole| aggregated.get(role.metadata.name.as_str());
    taken
        .iter()
        .flat_map(|role| of(role).map_or(&role.rules, |rules| rules))
        .filter(|rule| seen.insert(rule))
        .cloned()
        .collect()
}
