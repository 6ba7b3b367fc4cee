//! Cluster roles that are the sum of others, which a controller fills in a real cluster.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::{Selector, SelectorExt};
use serde_json::Value;

use super::object;
use super::rbac;
use super::resource::CLUSTER_ROLES;
use super::selector;
use super::store::Store;

/// Fills all aggregated roles until nothing changes any more; one may be part of another.
pub(super) fn settle(store: &mut Store) {
    let aggregated = |role: &Value| role.pointer("/aggregationRule").is_some_and(Value::is_object);
    // Each round settles at least one more role, so that a ring of them ends too.
    let rounds = store.list(&CLUSTER_ROLES, "").filter(|(_, role)| aggregated(role)).count();
    for _ in 0..rounds {
        let roles: BTreeMap<String, Value> =
            store.list(&CLUSTER_ROLES, "").map(|(key, role)| (key.path.clone(), role.clone())).collect();
        let mut changed = false;
        for role in roles.values().filter(|role| aggregated(role)) {
            let sum = gather(role, &roles);
            if role.pointer("/rules") != Some(&sum) {
                let mut role = role.clone();
                if let Some(role) = role.as_object_mut() {
                    role.insert("rules".to_owned(), sum);
                }
                store.put(&CLUSTER_ROLES, role);
                changed = true;
            }
        }
        if !changed {
            return;
        }
    }
}

/// The rules of all roles that any of the selectors picks, without what is there twice.
fn gather(role: &Value, roles: &BTreeMap<String, Value>) -> Value {
    let selectors: Vec<LabelSelector> =
        rbac::part(role, "/aggregationRule/clusterRoleSelectors").unwrap_or_default();
    let mut sum: Vec<Value> = Vec::new();
    for selector in selectors {
        let Ok(selector) = Selector::try_from(selector) else { continue };
        for (name, other) in roles {
            if *name == object::name(role) || !selector.matches(&selector::labels(other)) {
                continue;
            }
            for rule in other.pointer("/rules").and_then(Value::as_array).into_iter().flatten() {
                if !sum.contains(rule) {
                    sum.push(rule.clone());
                }
            }
        }
    }
    sum.into()
}
