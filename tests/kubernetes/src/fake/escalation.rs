//! Nobody grants what they do not have, unless they may expressly do so.
//!
//! Source: `pkg/registry/rbac/{escalation_check.go,*/policybased}` and
//! `k8s.io/component-helpers/auth/rbac/validation/policy_comparator.go` of Kubernetes.

use std::collections::{BTreeMap, BTreeSet};

use http::StatusCode;
use k8s_openapi::api::rbac::v1::{PolicyRule, RoleRef};
use serde_json::Value;

use super::object;
use super::rbac::{self, Attributes, User};
use super::resource::{RBAC, Resource};
use super::status::Failure;
use super::store::Store;

/// Refuses to let `user` write a role or a binding that gives more than the user has.
///
/// `store` is as it was before the write, `written` as the object is to be.
pub(super) fn check(
    store: &Store,
    user: &User,
    asked: &Attributes,
    resource: &'static Resource,
    written: &Value,
) -> Result<(), Failure> {
    let namespace = object::namespace(written);
    let name = object::name(written);
    let may = |attributes: Attributes| rbac::decide(store, user, &attributes).allowed;
    if user.is_master() || same(store, resource, written) {
        return Ok(());
    }
    let granted = if let Some(role) = rbac::part::<RoleRef>(written, "/roleRef") {
        let bind = Attributes {
            verb: "bind".to_owned(),
            group: RBAC.to_owned(),
            resource: format!("{}s", role.kind.to_lowercase()),
            namespace: namespace.clone(),
            name: role.name.clone(),
            ..Attributes::default()
        };
        if may(bind) {
            return Ok(());
        }
        rbac::rules(store, &role, &namespace)
            .map_err(|error| Failure::new(StatusCode::NOT_FOUND, "NotFound", error))?
    } else {
        if may(Attributes { verb: "escalate".to_owned(), ..asked.clone() }) {
            return Ok(());
        }
        let mut rules: Vec<PolicyRule> = rbac::part(written, "/rules").unwrap_or_default();
        if written.pointer("/aggregationRule").is_some_and(Value::is_object) {
            // It may come to gather anything.
            rules.extend(everything());
        }
        rules
    };
    let held: Vec<PolicyRule> =
        rbac::grants(store, user, &namespace).filter_map(|grant| grant.rules.ok()).flatten().collect();
    let missing: Vec<Atom> =
        granted.iter().flat_map(atoms).filter(|atom| !held.iter().any(|rule| covers(rule, atom))).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let why = format!(
        "user {:?} (groups={}) is attempting to grant RBAC permissions not currently held:\n{}",
        user.name,
        list(&user.groups),
        describe(&missing)
    );
    Err(Failure::forbidden(RBAC, resource.plural, &name, &why))
}

/// What gives nothing new needs no rights.
fn same(store: &Store, resource: &'static Resource, written: &Value) -> bool {
    let old = store.find(resource, &object::namespace(written), &object::name(written));
    let parts = ["/rules", "/aggregationRule", "/roleRef", "/subjects"];
    old.is_some_and(|old| parts.iter().all(|part| old.pointer(part) == written.pointer(part)))
}

fn everything() -> [PolicyRule; 2] {
    let all = || Some(vec!["*".to_owned()]);
    let verbs = vec!["*".to_owned()];
    [
        PolicyRule { verbs: verbs.clone(), api_groups: all(), resources: all(), ..PolicyRule::default() },
        PolicyRule { verbs, non_resource_urls: all(), ..PolicyRule::default() },
    ]
}

/// The smallest right: one verb on one kind of object, on one named object, or on one path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Atom {
    group: String,
    resource: String,
    name: Option<String>,
    path: Option<String>,
    verb: String,
}

fn atoms(rule: &PolicyRule) -> Vec<Atom> {
    let mut atoms = Vec::new();
    let names: Vec<Option<String>> = match rule.resource_names.as_deref().unwrap_or_default() {
        [] => vec![None],
        names => names.iter().cloned().map(Some).collect(),
    };
    for verb in &rule.verbs {
        for group in rule.api_groups.iter().flatten() {
            for resource in rule.resources.iter().flatten() {
                atoms.extend(names.iter().map(|name| Atom {
                    group: group.clone(),
                    resource: resource.clone(),
                    name: name.clone(),
                    path: None,
                    verb: verb.clone(),
                }));
            }
        }
        atoms.extend(rule.non_resource_urls.iter().flatten().map(|path| Atom {
            group: String::new(),
            resource: String::new(),
            name: None,
            path: Some(path.clone()),
            verb: verb.clone(),
        }));
    }
    atoms
}

fn covers(held: &PolicyRule, wanted: &Atom) -> bool {
    let has = |entries: &[String], wanted: &str| entries.iter().any(|entry| entry == "*" || entry == wanted);
    if !has(&held.verbs, &wanted.verb) {
        return false;
    }
    if let Some(path) = &wanted.path {
        let covers = |entry: &String| {
            entry == path || entry.ends_with('*') && path.starts_with(entry.trim_end_matches('*'))
        };
        return held.non_resource_urls.iter().flatten().any(covers);
    }
    let resources = held.resources.as_deref().unwrap_or_default();
    let every_parent = wanted
        .resource
        .split_once('/')
        .is_some_and(|(_, subresource)| resources.contains(&format!("*/{subresource}")));
    let names = held.resource_names.as_deref().unwrap_or_default();
    has(held.api_groups.as_deref().unwrap_or_default(), &wanted.group)
        && (has(resources, &wanted.resource) || every_parent)
        && (names.is_empty() || wanted.name.as_ref().is_some_and(|name| names.contains(name)))
}

/// One line for each object or path, with all verbs that are missing on it.
fn describe(missing: &[Atom]) -> String {
    let mut verbs: BTreeMap<Atom, Vec<String>> = BTreeMap::new();
    for atom in missing {
        let target = Atom { verb: String::new(), ..atom.clone() };
        let verbs = verbs.entry(target).or_default();
        if !verbs.contains(&atom.verb) {
            verbs.push(atom.verb.clone());
        }
    }
    let line = |(target, verbs): (&Atom, &Vec<String>)| {
        let mut parts = Vec::new();
        if let Some(path) = &target.path {
            parts.push(format!("NonResourceURLs:[{path:?}]"));
        } else {
            parts.push(format!("APIGroups:[{:?}]", target.group));
            parts.push(format!("Resources:[{:?}]", target.resource));
        }
        parts.extend(target.name.as_ref().map(|name| format!("ResourceNames:[{name:?}]")));
        parts.push(format!("Verbs:{}", list(verbs)));
        format!("{{{}}}", parts.join(", "))
    };
    let lines: BTreeSet<String> = verbs.iter().map(line).collect();
    lines.into_iter().collect::<Vec<_>>().join("\n")
}

/// A list as Go prints it.
fn list(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| format!("{text:?}")).collect();
    format!("[{}]", texts.join(" "))
}
