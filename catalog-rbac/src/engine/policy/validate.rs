//! What Kubernetes refuses to store. Source: its `ValidateRole`, `ValidateClusterRole` and their like for bindings, 1.36.

use catalog_core::name::Namespace;

use super::{Fault, PolicyError};
use crate::engine::object::{
    ClusterRole, LabelSelectorRequirement, Metadata, Object, ObjectKey, PolicyRule, RBAC_GROUP, RoleRef,
    Subject,
};

/// The object's key, if its name and namespace can be one's.
pub(super) fn key(object: &Object) -> Result<ObjectKey, PolicyError> {
    let kind = object.kind();
    let metadata = object.metadata();
    let mut faults = Faults::default();
    faults.path_segment("metadata.name", &metadata.name);
    let namespace = faults.namespace(kind.is_namespaced(), metadata);
    let key = ObjectKey { kind, namespace, name: metadata.name.clone() };
    faults.end(&key)?;
    Ok(key)
}

/// The object's key, if Kubernetes would store it.
pub(super) fn check(object: &Object) -> Result<ObjectKey, PolicyError> {
    let key = key(object)?;
    let mut faults = Faults::default();
    for (name, value) in &object.metadata().labels {
        let field = format!("metadata.labels.{name}");
        faults.label_key(&field, name);
        faults.label_value(&field, value);
    }
    match object {
        Object::Role(role) => faults.rules(&role.rules, true),
        Object::ClusterRole(role) => faults.cluster_role(role),
        Object::RoleBinding(binding) => {
            faults.role_ref(&binding.role_ref, &["Role", "ClusterRole"]);
            faults.subjects(&binding.subjects, true);
        }
        Object::ClusterRoleBinding(binding) => {
            faults.role_ref(&binding.role_ref, &["ClusterRole"]);
            faults.subjects(&binding.subjects, false);
        }
    }
    faults.end(&key)?;
    Ok(key)
}

/// Whether the object may take the place of the one before: who was given one role is not silently given another.
pub(super) fn check_replacement(key: &ObjectKey, before: &Object, after: &Object) -> Result<(), PolicyError> {
    let role_ref = |object: &Object| match object {
        Object::RoleBinding(binding) => Some((binding.role_ref.kind.clone(), binding.role_ref.name.clone())),
        Object::ClusterRoleBinding(binding) => {
            Some((binding.role_ref.kind.clone(), binding.role_ref.name.clone()))
        }
        Object::Role(_) | Object::ClusterRole(_) => None,
    };
    if role_ref(before) == role_ref(after) {
        return Ok(());
    }
    Err(Fault::new("roleRef", "cannot be changed: remove the binding and write another").of(key).into())
}

#[derive(Default)]
struct Faults(Vec<Fault>);

impl Faults {
    fn end(self, key: &ObjectKey) -> Result<(), PolicyError> {
        if self.0.is_empty() {
            return Ok(());
        }
        Err(PolicyError::new(self.0.into_iter().map(|fault| fault.of(key)).collect()))
    }

    fn add(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.0.push(Fault::new(field, message));
    }

    /// A name that can be a part of a path: what names of RBAC objects must be.
    fn path_segment(&mut self, field: &str, name: &str) {
        if name.is_empty() {
            self.add(field, "is missing");
        } else if matches!(name, "." | "..") || name.contains(['/', '%']) {
            self.add(field, "must not be `.` or `..`, nor contain `/` or `%`");
        }
    }

    fn namespace(&mut self, needed: bool, metadata: &Metadata) -> Option<Namespace> {
        let namespace = metadata.namespace.as_deref().filter(|namespace| !namespace.is_empty());
        match (needed, namespace) {
            (false, None) => None,
            (false, Some(_)) => {
                self.add("metadata.namespace", "an object of the cluster is in no namespace");
                None
            }
            (true, None) => {
                self.add("metadata.namespace", "is missing");
                None
            }
            (true, Some(namespace)) => match Namespace::new(namespace) {
                Ok(namespace) => Some(namespace),
                Err(error) => {
                    self.add("metadata.namespace", error.rule());
                    None
                }
            },
        }
    }

    fn rules(&mut self, rules: &[PolicyRule], namespaced: bool) {
        for (index, rule) in rules.iter().enumerate() {
            let at = |field: &str| format!("rules[{index}].{field}");
            if rule.verbs.is_empty() {
                self.add(at("verbs"), "must name a verb at least");
            }
            if rule.non_resource_urls.is_empty() {
                if rule.api_groups.is_empty() {
                    self.add(at("apiGroups"), "must name an API group at least");
                }
                if rule.resources.is_empty() {
                    self.add(at("resources"), "must name a resource at least");
                }
                continue;
            }
            if namespaced {
                self.add(at("nonResourceURLs"), "a role of a namespace cannot hold paths");
            }
            if !(rule.api_groups.is_empty() && rule.resources.is_empty() && rule.resource_names.is_empty()) {
                self.add(at("nonResourceURLs"), "a rule cannot be of resources and of paths at once");
            }
        }
    }

    fn cluster_role(&mut self, role: &ClusterRole) {
        self.rules(&role.rules, false);
        let Some(selectors) = role.selectors() else { return };
        if selectors.is_empty() {
            self.add("aggregationRule.clusterRoleSelectors", "must hold a selector at least");
        }
        for (index, selector) in selectors.iter().enumerate() {
            let at = format!("aggregationRule.clusterRoleSelectors[{index}]");
            for (key, value) in &selector.match_labels {
                let field = format!("{at}.matchLabels.{key}");
                self.label_key(&field, key);
                self.label_value(&field, value);
            }
            for (index, requirement) in selector.match_expressions.iter().enumerate() {
                self.requirement(&format!("{at}.matchExpressions[{index}]"), requirement);
            }
        }
    }

    fn requirement(&mut self, at: &str, requirement: &LabelSelectorRequirement) {
        self.label_key(&format!("{at}.key"), &requirement.key);
        let values = format!("{at}.values");
        match requirement.operator.as_str() {
            "In" | "NotIn" if requirement.values.is_empty() => {
                self.add(values.clone(), "must hold a value for `In` and `NotIn`");
            }
            "Exists" | "DoesNotExist" if !requirement.values.is_empty() => {
                self.add(values.clone(), "must be empty for `Exists` and `DoesNotExist`");
            }
            "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
            _ => self.add(format!("{at}.operator"), "must be `In`, `NotIn`, `Exists` or `DoesNotExist`"),
        }
        for (index, value) in requirement.values.iter().enumerate() {
            self.label_value(&format!("{values}[{index}]"), value);
        }
    }

    /// `name` or `prefix/name`, the prefix being a DNS subdomain.
    fn label_key(&mut self, field: &str, key: &str) {
        let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
        if name.is_empty() || !is_label_text(name) || prefix.is_some_and(|prefix| !is_subdomain(prefix)) {
            self.add(field, "is no name of a label");
        }
    }

    fn label_value(&mut self, field: &str, value: &str) {
        if !is_label_text(value) {
            self.add(field, "is no value of a label");
        }
    }

    fn role_ref(&mut self, role_ref: &RoleRef, kinds: &[&str]) {
        if !matches!(role_ref.api_group.as_str(), "" | RBAC_GROUP) {
            self.add("roleRef.apiGroup", format!("must be `{RBAC_GROUP}`"));
        }
        if !kinds.contains(&role_ref.kind.as_str()) {
            self.add("roleRef.kind", format!("must be `{}`", kinds.join("` or `")));
        }
        self.path_segment("roleRef.name", &role_ref.name);
    }

    fn subjects(&mut self, subjects: &[Subject], namespaced: bool) {
        for (index, subject) in subjects.iter().enumerate() {
            let at = |field: &str| format!("subjects[{index}].{field}");
            if subject.name.is_empty() {
                self.add(at("name"), "is missing");
            }
            match subject.kind.as_str() {
                "User" | "Group" => {
                    if !matches!(subject.api_group.as_str(), "" | RBAC_GROUP) {
                        self.add(at("apiGroup"), format!("must be `{RBAC_GROUP}`"));
                    }
                }
                "ServiceAccount" => {
                    if !subject.name.is_empty() && !is_subdomain(&subject.name) {
                        self.add(at("name"), "is no name of a service account");
                    }
                    if !subject.api_group.is_empty() {
                        self.add(at("apiGroup"), "must be empty for a service account");
                    }
                    if !namespaced && subject.namespace.is_empty() {
                        self.add(at("namespace"), "is missing");
                    }
                }
                _ => self.add(at("kind"), "must be `User`, `Group` or `ServiceAccount`"),
            }
        }
    }
}

/// Up to 63 letters, digits, `-`, `_` and `.`, letters or digits at both ends; or nothing.
fn is_label_text(text: &str) -> bool {
    let ends = |byte: Option<u8>| byte.is_none_or(|byte| byte.is_ascii_alphanumeric());
    text.len() <= 63
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
        && ends(text.bytes().next())
        && ends(text.bytes().next_back())
}

/// A DNS subdomain of RFC 1123: labels of lower-case letters, digits and `-`, joined by dots, 253 bytes at most.
fn is_subdomain(text: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let label = |label: &str| {
        label.bytes().all(|byte| alphanumeric(byte) || byte == b'-')
            && label.bytes().next().is_some_and(alphanumeric)
            && label.bytes().next_back().is_some_and(alphanumeric)
    };
    text.len() <= 253 && text.split('.').all(label)
}
