//! Nobody gives away what they do not have.

use super::{
    Attributes, Caller, ResourceAttributes, Snapshot,
    object::{ClusterRole, Object, PolicyRule, RBAC_GROUP, RoleKind, RoleRef, covers_path, has},
};

/// Why somebody may not write a role or a binding.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Escalation {
    /// It holds rules that the writer does not have there.
    #[error("the writer does not hold {} of the rights that it would give", .missing.len())]
    Rules {
        /// Those rules, each of one verb on one thing.
        missing: Vec<PolicyRule>,
    },
    /// It aggregates other roles, which only who may do everything can have it do.
    #[error("only who may do everything may write a role that aggregates others")]
    Aggregation,
    /// It binds a role that is not there, so that nobody can tell what it would give.
    #[error("{} `{}` is not there", .0.kind, .0.name)]
    NoRole(RoleRef),
}

/// The rules of `wanted` that `held` does not cover, taken apart to one verb on one thing; none if it covers all.
///
/// Each is covered by a single rule, or not at all; a rule for some names never covers one for all.
pub fn uncovered<'a>(
    held: impl IntoIterator<Item = &'a PolicyRule>,
    wanted: &[PolicyRule],
) -> Vec<PolicyRule> {
    let held: Vec<&PolicyRule> = held.into_iter().collect();
    wanted.iter().flat_map(atoms).filter(|atom| !held.iter().any(|rule| covers_atom(rule, atom))).collect()
}

/// Whether `held` covers all of `wanted`, so that who has the one gains nothing by the other.
pub fn covers<'a>(held: impl IntoIterator<Item = &'a PolicyRule>, wanted: &[PolicyRule]) -> bool {
    uncovered(held, wanted).is_empty()
}

fn atoms(rule: &PolicyRule) -> impl Iterator<Item = PolicyRule> {
    let one = |text: &String| vec![text.clone()];
    let names: Vec<Vec<String>> = match rule.resource_names.as_slice() {
        [] => vec![Vec::new()],
        names => names.iter().map(one).collect(),
    };
    let mut atoms = Vec::new();
    for group in &rule.api_groups {
        for resource in &rule.resources {
            for verb in &rule.verbs {
                atoms.extend(names.iter().map(|names| PolicyRule {
                    api_groups: one(group),
                    resources: one(resource),
                    resource_names: names.clone(),
                    verbs: one(verb),
                    ..PolicyRule::default()
                }));
            }
        }
    }
    for url in &rule.non_resource_urls {
        atoms.extend(rule.verbs.iter().map(|verb| PolicyRule {
            non_resource_urls: one(url),
            verbs: one(verb),
            ..PolicyRule::default()
        }));
    }
    atoms.into_iter()
}

fn covers_atom(held: &PolicyRule, atom: &PolicyRule) -> bool {
    let all =
        |held: &[String], wanted: &[String]| has(held, "*") || wanted.iter().all(|text| has(held, text));
    let names = held.resource_names.is_empty()
        || (!atom.resource_names.is_empty()
            && atom.resource_names.iter().all(|name| has(&held.resource_names, name)));
    all(&held.verbs, &atom.verbs)
        && all(&held.api_groups, &atom.api_groups)
        && names
        && atom.resources.iter().all(|resource| covers_resource(&held.resources, resource))
        && atom
            .non_resource_urls
            .iter()
            .all(|url| held.non_resource_urls.iter().any(|entry| covers_path(entry, url)))
}

fn covers_resource(held: &[String], wanted: &str) -> bool {
    let any_of_it =
        |subresource: &str| held.iter().any(|entry| entry.strip_prefix("*/") == Some(subresource));
    has(held, "*")
        || has(held, wanted)
        || wanted.split_once('/').is_some_and(|(_, subresource)| any_of_it(subresource))
}

impl Snapshot {
    /// Whether the caller may write an object without coming to more rights by it, or may even so.
    ///
    /// A role needs its rules, or the verb `escalate` on it; a binding needs those of its role, or the verb `bind` on that. `before`
    /// is what the object replaces. Members of `system:masters` are no exception here: that is for who knows of that group.
    ///
    /// # Errors
    /// [`Escalation`] with what is missing.
    pub fn check_escalation<'a>(
        &self,
        caller: impl Into<Caller<'a>>,
        object: &Object,
        before: Option<&Object>,
    ) -> Result<(), Escalation> {
        let caller = caller.into();
        let namespace = object.metadata().namespace.as_deref().unwrap_or_default();
        let writer = Writer { snapshot: self, caller, namespace };
        // whoever makes an object cannot name it in the request
        let name = before.map_or("", |before| &before.metadata().name);
        match object {
            Object::Role(role) if writer.may("escalate", RBAC_GROUP, "roles", name) => Ok(()),
            Object::Role(role) => writer.holds(&role.rules),
            Object::ClusterRole(_) if writer.may("escalate", RBAC_GROUP, "clusterroles", name) => Ok(()),
            Object::ClusterRole(role) => writer.cluster_role(role, before),
            Object::RoleBinding(binding) => writer.binding(&binding.role_ref),
            Object::ClusterRoleBinding(binding) => writer.binding(&binding.role_ref),
        }
    }
}

struct Writer<'a> {
    snapshot: &'a Snapshot,
    caller: Caller<'a>,
    namespace: &'a str,
}

impl Writer<'_> {
    fn may(&self, verb: &str, group: &str, resource: &str, name: &str) -> bool {
        let asked =
            ResourceAttributes::new(verb, group, resource).with_name(name).in_namespace(self.namespace);
        self.snapshot.decide(self.caller, &Attributes::from(asked)).is_allowed()
    }

    fn holds(&self, wanted: &[PolicyRule]) -> Result<(), Escalation> {
        let (held, _) = self.snapshot.held(self.caller, self.namespace);
        let missing = uncovered(held, wanted);
        if missing.is_empty() { Ok(()) } else { Err(Escalation::Rules { missing }) }
    }

    fn cluster_role(&self, role: &ClusterRole, before: Option<&Object>) -> Result<(), Escalation> {
        self.holds(&role.rules)?;
        let aggregates = |role: &ClusterRole| role.selectors().is_some_and(|selectors| !selectors.is_empty());
        let did = matches!(before, Some(Object::ClusterRole(before)) if aggregates(before));
        if aggregates(role) || did {
            return self.holds(&everything()).map_err(|_| Escalation::Aggregation);
        }
        Ok(())
    }

    fn binding(&self, role: &RoleRef) -> Result<(), Escalation> {
        let resource = match role.role_kind() {
            Some(RoleKind::Role) => "roles",
            Some(RoleKind::ClusterRole) => "clusterroles",
            None => return Err(Escalation::NoRole(role.clone())),
        };
        let group = if role.api_group.is_empty() { RBAC_GROUP } else { &role.api_group };
        if self.may("bind", group, resource, &role.name) {
            return Ok(());
        }
        let namespace = Some(self.namespace).filter(|namespace| !namespace.is_empty());
        match self.snapshot.role_rules(role, namespace) {
            Some(rules) => self.holds(rules),
            None => Err(Escalation::NoRole(role.clone())),
        }
    }
}

fn everything() -> [PolicyRule; 2] {
    let any = || vec![String::from("*")];
    [
        PolicyRule { api_groups: any(), resources: any(), verbs: any(), ..PolicyRule::default() },
        PolicyRule { non_resource_urls: any(), verbs: any(), ..PolicyRule::default() },
    ]
}
