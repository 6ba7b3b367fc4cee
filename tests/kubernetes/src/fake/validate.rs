//! What the API server adds to an object, and what it refuses to keep.
//!
//! Source: `pkg/apis/{core,coordination,rbac}/validation` and the defaults beside them.

use k8s_openapi::ByteString;
use serde_json::{Value, json};

use super::object;
use super::resource::{NameRule, RBAC, Resource};
use super::status::FieldError;

const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

/// Fills in what was left out.
pub(super) fn default(resource: &Resource, object: &mut Value) {
    match resource.kind {
        "Namespace" => {
            let name = object::name(object);
            let metadata = object::member(object, "metadata");
            let labels = metadata.entry("labels").or_insert_with(|| json!({}));
            if let Some(labels) = labels.as_object_mut() {
                labels.insert("kubernetes.io/metadata.name".to_owned(), name.into());
            }
            object::member(object, "spec").insert("finalizers".to_owned(), json!(["kubernetes"]));
            object::member(object, "status").entry("phase").or_insert_with(|| "Active".into());
        }
        "Secret" => {
            let plain = object.as_object_mut().and_then(|secret| secret.remove("stringData"));
            for (key, text) in plain.as_ref().and_then(Value::as_object).into_iter().flatten() {
                let bytes = ByteString(text.as_str().unwrap_or_default().as_bytes().to_vec());
                object::member(object, "data").insert(key.clone(), json!(bytes));
            }
            if let Some(secret) = object.as_object_mut() {
                secret.entry("type").or_insert_with(|| "Opaque".into());
            }
        }
        "RoleBinding" | "ClusterRoleBinding" => {
            let role = object::member(object, "roleRef");
            if role.get("apiGroup").and_then(Value::as_str).is_none_or(str::is_empty) {
                role.insert("apiGroup".to_owned(), RBAC.into());
            }
            for subject in object.pointer_mut("/subjects").and_then(Value::as_array_mut).into_iter().flatten()
            {
                default_subject(subject);
            }
        }
        _ => {}
    }
}

fn default_subject(subject: &mut Value) {
    let is_named = matches!(object::text(subject, "/kind").as_str(), "User" | "Group");
    let Some(subject) = subject.as_object_mut() else { return };
    if is_named && subject.get("apiGroup").and_then(Value::as_str).is_none_or(str::is_empty) {
        subject.insert("apiGroup".to_owned(), RBAC.into());
    }
}

/// Everything that is wrong with an object.
pub(super) fn check(resource: &Resource, object: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    check_name(resource.name, "metadata.name", &object::name(object), &mut errors);
    match resource.kind {
        "Lease" => check_lease(object, &mut errors),
        "Role" | "ClusterRole" => check_role(resource, object, &mut errors),
        "RoleBinding" | "ClusterRoleBinding" => check_binding(resource, object, &mut errors),
        "ConfigMap" | "Secret" => {
            let keys = ["/data", "/binaryData"].map(|part| object.pointer(part).and_then(Value::as_object));
            for key in keys.into_iter().flatten().flat_map(serde_json::Map::keys) {
                let fine = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
                if key.is_empty() || key.len() > 253 || !key.chars().all(fine) {
                    let detail = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
                    errors.push(FieldError::invalid(format!("data[{key}]"), &json!(key), detail));
                }
            }
        }
        _ => {}
    }
    errors
}

/// Everything that an update must not change.
pub(super) fn check_update(resource: &Resource, object: &Value, old: &Value) -> Vec<FieldError> {
    let mut errors = check(resource, object);
    let differs = |pointer: &str| object.pointer(pointer) != old.pointer(pointer);
    match resource.kind {
        "RoleBinding" | "ClusterRoleBinding" if differs("/roleRef") => {
            let role = object.pointer("/roleRef").cloned().unwrap_or_default();
            errors.push(FieldError::invalid("roleRef", &role, "cannot change roleRef"));
        }
        "Secret" if differs("/type") => {
            let new = object.pointer("/type").cloned().unwrap_or_default();
            errors.push(FieldError::invalid("type", &new, "field is immutable"));
        }
        _ => {}
    }
    if old.pointer("/immutable") == Some(&Value::Bool(true)) {
        if differs("/immutable") {
            errors.push(FieldError::forbidden("immutable", "field is immutable when `immutable` is set"));
        }
        for field in ["data", "binaryData"].into_iter().filter(|field| differs(&format!("/{field}"))) {
            errors.push(FieldError::forbidden(field, "field is immutable when `immutable` is set"));
        }
    }
    errors
}

fn check_name(rule: NameRule, field: &str, name: &str, errors: &mut Vec<FieldError>) {
    if name.is_empty() {
        let detail = if field == "metadata.name" { "name or generateName is required" } else { "" };
        errors.push(FieldError::required(field, detail));
        return;
    }
    let (longest, fault) = match rule {
        NameRule::Label => (63, (!is_label(name)).then_some(LABEL)),
        NameRule::Subdomain => (253, (!name.split('.').all(is_label)).then_some(SUBDOMAIN)),
        NameRule::PathSegment => (usize::MAX, path_segment_fault(name)),
    };
    if name.len() > longest {
        errors.push(FieldError::invalid(
            field,
            &json!(name),
            &format!("must be no more than {longest} characters"),
        ));
    }
    if let Some(fault) = fault {
        errors.push(FieldError::invalid(field, &json!(name), fault));
    }
}

fn is_label(text: &str) -> bool {
    let letter = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    text.starts_with(letter) && text.ends_with(letter) && text.chars().all(|one| letter(one) || one == '-')
}

fn path_segment_fault(name: &str) -> Option<&'static str> {
    match name {
        "." => Some("may not be '.'"),
        ".." => Some("may not be '..'"),
        _ if name.contains('/') => Some("may not contain '/'"),
        _ if name.contains('%') => Some("may not contain '%'"),
        _ => None,
    }
}

fn check_lease(lease: &Value, errors: &mut Vec<FieldError>) {
    let number = |field: &str| lease.pointer(&format!("/spec/{field}")).filter(|value| value.is_i64());
    if let Some(value) = number("leaseDurationSeconds").filter(|value| value.as_i64() <= Some(0)) {
        errors.push(FieldError::invalid("spec.leaseDurationSeconds", value, "must be greater than 0"));
    }
    if let Some(value) = number("leaseTransitions").filter(|value| value.as_i64() < Some(0)) {
        let detail = "must be greater than or equal to 0";
        errors.push(FieldError::invalid("spec.leaseTransitions", value, detail));
    }
}

fn check_role(resource: &Resource, role: &Value, errors: &mut Vec<FieldError>) {
    for (index, rule) in list(role, "/rules").iter().enumerate() {
        let field = |name: &str| format!("rules[{index}].{name}");
        let empty = |name: &str| list(rule, &format!("/{name}")).is_empty();
        if empty("verbs") {
            errors.push(FieldError::required(field("verbs"), "verbs must contain at least one value"));
        }
        if empty("nonResourceURLs") {
            if empty("apiGroups") {
                let detail = "resource rules must supply at least one api group";
                errors.push(FieldError::required(field("apiGroups"), detail));
            }
            if empty("resources") {
                let detail = "resource rules must supply at least one resource";
                errors.push(FieldError::required(field("resources"), detail));
            }
            continue;
        }
        let urls = rule.pointer("/nonResourceURLs").cloned().unwrap_or_default();
        if resource.namespaced {
            let detail = "namespaced rules cannot apply to non-resource URLs";
            errors.push(FieldError::invalid(field("nonResourceURLs"), &urls, detail));
        }
        if !(empty("apiGroups") && empty("resources") && empty("resourceNames")) {
            let detail = "rules cannot apply to both regular resources and non-resource URLs";
            errors.push(FieldError::invalid(field("nonResourceURLs"), &urls, detail));
        }
    }
    let aggregated = role.pointer("/aggregationRule").is_some_and(Value::is_object);
    if aggregated && list(role, "/aggregationRule/clusterRoleSelectors").is_empty() {
        let detail = "at least one clusterRoleSelector required if aggregationRule is non-nil";
        errors.push(FieldError::required("aggregationRule.clusterRoleSelectors", detail));
    }
}

fn check_binding(resource: &Resource, binding: &Value, errors: &mut Vec<FieldError>) {
    let (group, kind) = (object::text(binding, "/roleRef/apiGroup"), object::text(binding, "/roleRef/kind"));
    if group != RBAC {
        errors.push(FieldError::unsupported("roleRef.apiGroup", &group, &[RBAC]));
    }
    let kinds: &[&str] = if resource.namespaced { &["Role", "ClusterRole"] } else { &["ClusterRole"] };
    if !kinds.contains(&kind.as_str()) {
        errors.push(FieldError::unsupported("roleRef.kind", &kind, kinds));
    }
    check_name(NameRule::PathSegment, "roleRef.name", &object::text(binding, "/roleRef/name"), errors);
    for (index, subject) in list(binding, "/subjects").iter().enumerate() {
        check_subject(resource, subject, &format!("subjects[{index}]"), errors);
    }
}

fn check_subject(resource: &Resource, subject: &Value, field: &str, errors: &mut Vec<FieldError>) {
    let (name, group) = (object::text(subject, "/name"), object::text(subject, "/apiGroup"));
    if name.is_empty() {
        errors.push(FieldError::required(format!("{field}.name"), ""));
    }
    match object::text(subject, "/kind").as_str() {
        "ServiceAccount" => {
            if !name.is_empty() {
                check_name(NameRule::Subdomain, &format!("{field}.name"), &name, errors);
            }
            if !group.is_empty() {
                errors.push(FieldError::unsupported(format!("{field}.apiGroup"), &group, &[""]));
            }
            if !resource.namespaced && object::text(subject, "/namespace").is_empty() {
                errors.push(FieldError::required(format!("{field}.namespace"), ""));
            }
        }
        "User" | "Group" if group != RBAC => {
            errors.push(FieldError::unsupported(format!("{field}.apiGroup"), &group, &[RBAC]));
        }
        "User" | "Group" => {}
        kind => {
            let kinds = ["ServiceAccount", "User", "Group"];
            errors.push(FieldError::unsupported(format!("{field}.kind"), kind, &kinds));
        }
    }
}

fn list<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}
