//! Whether the stored roles and bindings allow something.
//!
//! Source: `plugin/pkg/auth/authorizer/rbac` and `pkg/registry/rbac/validation/rule.go` of Kubernetes.

use std::collections::BTreeMap;

use k8s_openapi::api::rbac::v1::{PolicyRule, RoleRef, Subject};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::object;
use super::resource::{CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, ROLE_BINDINGS, ROLES, Resource};
use super::status::Failure;
use super::store::Store;

/// Whose members may do everything, whatever the roles say.
pub(super) const MASTERS: &str = "system:masters";

/// Who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) uid: String,
    pub(super) groups: Vec<String>,
    pub(super) extra: BTreeMap<String, Vec<String>>,
}

impl User {
    /// Whether it may do everything, whatever the roles say.
    pub(super) fn is_master(&self) -> bool {
        self.groups.iter().any(|group| group == MASTERS)
    }
}

/// What is asked for; without a resource it is the path that counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Attributes {
    pub(super) verb: String,
    pub(super) group: String,
    pub(super) resource: String,
    pub(super) subresource: String,
    pub(super) namespace: String,
    pub(super) name: String,
    /// Empty for a request of a resource.
    pub(super) path: String,
}

impl Attributes {
    fn is_path(&self) -> bool {
        !self.path.is_empty()
    }

    /// The resource with its subresource.
    fn combined(&self) -> String {
        if self.subresource.is_empty() {
            self.resource.clone()
        } else {
            format!("{}/{}", self.resource, self.subresource)
        }
    }
}

/// The answer; nothing is ever forbidden expressly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) allowed: bool,
    pub(super) reason: String,
}

/// Decides as an API server with `--authorization-mode=RBAC`.
pub(super) fn decide(store: &Store, user: &User, asked: &Attributes) -> Verdict {
    if user.is_master() {
        return Verdict { allowed: true, reason: String::new() };
    }
    let mut errors: Vec<String> = Vec::new();
    for grant in grants(store, user, &asked.namespace) {
        match grant.rules {
            Ok(rules) if rules.iter().any(|rule| allows(rule, asked)) => {
                return Verdict { allowed: true, reason: format!("RBAC: allowed by {}", grant.origin) };
            }
            Ok(_) => {}
            Err(error) if errors.contains(&error) => {}
            Err(error) => errors.push(error),
        }
    }
    let reason = match errors.as_slice() {
        [] => String::new(),
        [error] => format!("RBAC: {error}"),
        errors => format!("RBAC: [{}]", errors.join(", ")),
    };
    Verdict { allowed: false, reason }
}

/// Refuses what the user may not.
pub(super) fn authorize(store: &Store, user: &User, asked: &Attributes) -> Result<(), Failure> {
    let verdict = decide(store, user, asked);
    if verdict.allowed {
        return Ok(());
    }
    let mut why = refusal(user, asked);
    if !verdict.reason.is_empty() {
        why = format!("{why}: {}", verdict.reason);
    }
    Err(Failure::forbidden(&asked.group, &asked.resource, &asked.name, &why))
}

fn refusal(user: &User, asked: &Attributes) -> String {
    let (name, verb) = (&user.name, &asked.verb);
    if asked.is_path() {
        return format!("User {name:?} cannot {verb} path {:?}", asked.path);
    }
    let (resource, group) = (asked.combined(), &asked.group);
    let place = if asked.namespace.is_empty() {
        "at the cluster scope".to_owned()
    } else {
        format!("in the namespace {:?}", asked.namespace)
    };
    format!("User {name:?} cannot {verb} resource {resource:?} in API group {group:?} {place}")
}

/// The rules that a user has through one binding.
#[derive(Debug)]
pub(super) struct Grant {
    /// Which binding, of which role, to which subject.
    origin: String,
    /// The rules, or that the role is missing.
    pub(super) rules: Result<Vec<PolicyRule>, String>,
}

/// All bindings that name the user: those of the cluster first, then those of the namespace, if one is given.
pub(super) fn grants<'a>(
    store: &'a Store,
    user: &'a User,
    namespace: &'a str,
) -> impl Iterator<Item = Grant> + 'a {
    let namespaced = (!namespace.is_empty()).then(|| store.list(&ROLE_BINDINGS, namespace));
    store
        .list(&CLUSTER_ROLE_BINDINGS, "")
        .map(|(_, binding)| (binding, ""))
        .chain(namespaced.into_iter().flatten().map(move |(_, binding)| (binding, namespace)))
        .filter_map(move |(binding, namespace)| {
            let subjects: Vec<Subject> = part(binding, "/subjects")?;
            let subject = subjects.iter().find(|subject| applies(subject, user, namespace))?;
            let role: RoleRef = part(binding, "/roleRef")?;
            Some(Grant {
                origin: origin(&object::name(binding), &role, subject, namespace),
                rules: rules(store, &role, namespace),
            })
        })
}

fn origin(binding: &str, role: &RoleRef, subject: &Subject, namespace: &str) -> String {
    let binding = if namespace.is_empty() {
        format!("ClusterRoleBinding {binding:?}")
    } else {
        format!("RoleBinding {:?}", format!("{binding}/{namespace}"))
    };
    let name = if subject.kind == "ServiceAccount" {
        let own = subject.namespace.as_deref().filter(|own| !own.is_empty());
        format!("{}/{}", subject.name, own.unwrap_or(namespace))
    } else {
        subject.name.clone()
    };
    format!("{binding} of {} {:?} to {} {name:?}", role.kind, role.name, subject.kind)
}

fn applies(subject: &Subject, user: &User, namespace: &str) -> bool {
    match subject.kind.as_str() {
        "User" => subject.name == user.name,
        "Group" => user.groups.contains(&subject.name),
        "ServiceAccount" => {
            let own = subject.namespace.as_deref().filter(|own| !own.is_empty());
            let namespace = own.unwrap_or(namespace);
            !namespace.is_empty() && user.name == service_account_user(namespace, &subject.name)
        }
        _ => false,
    }
}

/// The name under which a service account asks.
pub(super) fn service_account_user(namespace: &str, name: &str) -> String {
    format!("system:serviceaccount:{namespace}:{name}")
}

/// The rules of a role, seen from a binding in `namespace`, or of the cluster if it is empty.
///
/// # Errors
/// Says that the role is missing.
pub(super) fn rules(store: &Store, role: &RoleRef, namespace: &str) -> Result<Vec<PolicyRule>, String> {
    let (resource, namespace): (&'static Resource, &str) = match role.kind.as_str() {
        "Role" => (&ROLES, namespace),
        "ClusterRole" => (&CLUSTER_ROLES, ""),
        kind => return Err(format!("unsupported role reference kind: {kind:?}")),
    };
    match store.find(resource, namespace, &role.name) {
        Some(role) => Ok(part(role, "/rules").unwrap_or_default()),
        None => Err(format!(
            "{}.rbac.authorization.k8s.io {:?} not found",
            resource.kind.to_lowercase(),
            role.name
        )),
    }
}

/// A part of an object as its type; `None` if it is absent.
pub(super) fn part<T: DeserializeOwned>(object: &Value, pointer: &str) -> Option<T> {
    T::deserialize(object.pointer(pointer)?).ok()
}

fn allows(rule: &PolicyRule, asked: &Attributes) -> bool {
    if !has(Some(&rule.verbs), &asked.verb) {
        return false;
    }
    if asked.is_path() {
        return rule.non_resource_urls.iter().flatten().any(|url| covers_path(url, &asked.path));
    }
    has(rule.api_groups.as_ref(), &asked.group)
        && rule.resources.iter().flatten().any(|entry| covers_resource(entry, asked))
        && rule.resource_names.as_ref().is_none_or(|names| names.is_empty() || names.contains(&asked.name))
}

fn has(entries: Option<&Vec<String>>, asked: &str) -> bool {
    entries.into_iter().flatten().any(|entry| entry == "*" || entry == asked)
}

fn covers_resource(entry: &str, asked: &Attributes) -> bool {
    let every_parent = entry
        .strip_prefix("*/")
        .is_some_and(|subresource| !asked.subresource.is_empty() && subresource == asked.subresource);
    entry == "*" || entry == asked.combined() || every_parent
}

fn covers_path(entry: &str, path: &str) -> bool {
    entry == "*" || entry == path || entry.ends_with('*') && path.starts_with(entry.trim_end_matches('*'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rule(rule: Value) -> PolicyRule {
        serde_json::from_value(rule).unwrap()
    }

    fn asked(verb: &str, resource: &str, name: &str) -> Attributes {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        Attributes {
            verb: verb.into(),
            group: "catalog".into(),
            resource: resource.into(),
            subresource: subresource.into(),
            name: name.into(),
            ..Attributes::default()
        }
    }

    #[test]
    fn resource_entries() {
        for (entry, resource, covered) in [
            ("*", "assets/status", true),
            ("assets", "assets", true),
            ("assets", "assets/status", false),
            ("assets/status", "assets/status", true),
            ("*/status", "assets/status", true),
            ("*/status", "assets", false),
            ("*/", "assets", false),
            ("assets/*", "assets/status", false),
            ("*/*", "assets/status", false),
        ] {
            assert_eq!(covers_resource(entry, &asked("get", resource, "")), covered, "{entry} {resource}");
        }
    }

    #[test]
    fn named_rule_covers_neither_list_nor_create() {
        let rule = rule(json!({
            "verbs": ["*"], "apiGroups": ["catalog"], "resources": ["assets"], "resourceNames": ["x", "*"],
        }));
        assert!(allows(&rule, &asked("get", "assets", "x")));
        assert!(!allows(&rule, &asked("get", "assets", "y")));
        assert!(!allows(&rule, &asked("list", "assets", "")));
    }

    #[test]
    fn paths() {
        for (entry, path, covered) in [
            ("/healthz*", "/healthz", true),
            ("/healthz/*", "/healthz", false),
            ("/healthz/**", "/healthz/etcd", true),
            ("/*/x", "/a/x", false),
            ("*", "/any", true),
        ] {
            assert_eq!(covers_path(entry, path), covered, "{entry} {path}");
        }
    }

    #[test]
    fn service_account_of_a_cluster_binding_needs_its_namespace() {
        let user = User { name: "system:serviceaccount:a:x".into(), ..User::default() };
        let subject = |namespace: Option<&str>| Subject {
            kind: "ServiceAccount".into(),
            name: "x".into(),
            namespace: namespace.map(str::to_owned),
            ..Subject::default()
        };
        assert!(applies(&subject(Some("a")), &user, ""));
        assert!(applies(&subject(None), &user, "a"));
        assert!(!applies(&subject(None), &user, "b"));
        assert!(!applies(&subject(None), &user, ""));
    }
}
