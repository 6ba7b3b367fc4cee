//! What a fresh cluster holds, as far as it concerns what the fake serves.
//!
//! Source: `plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go`, without the rules for other resources.

use serde_json::{Value, json};

use super::aggregation;
use super::object;
use super::rbac::MASTERS;
use super::resource::{CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, NAMESPACES, RBAC, Resource};
use super::store::Store;
use super::validate;

const READ: [&str; 3] = ["get", "list", "watch"];
const WRITE: [&str; 5] = ["create", "update", "patch", "delete", "deletecollection"];

/// The namespaces that nobody has to make.
pub(super) const SYSTEM_NAMESPACES: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];

/// Puts it all into an empty store.
pub(super) fn fill(store: &mut Store) {
    for namespace in SYSTEM_NAMESPACES {
        put(store, &NAMESPACES, json!({ "metadata": { "name": namespace } }));
    }
    for role in roles() {
        put(store, &CLUSTER_ROLES, role);
    }
    for (role, groups) in [
        ("cluster-admin", vec![MASTERS]),
        ("system:basic-user", vec!["system:authenticated"]),
        ("system:discovery", vec!["system:authenticated"]),
        ("system:public-info-viewer", vec!["system:authenticated", "system:unauthenticated"]),
    ] {
        let subject = |group: &str| json!({ "kind": "Group", "apiGroup": RBAC, "name": group });
        let binding = json!({
            "metadata": { "name": role, "labels": { "kubernetes.io/bootstrapping": "rbac-defaults" } },
            "roleRef": { "apiGroup": RBAC, "kind": "ClusterRole", "name": role },
            "subjects": groups.into_iter().map(subject).collect::<Vec<_>>(),
        });
        put(store, &CLUSTER_ROLE_BINDINGS, binding);
    }
    aggregation::settle(store);
}

fn roles() -> Vec<Value> {
    let probes = ["/livez", "/readyz", "/healthz", "/version", "/version/"];
    let discovery = ["/openapi", "/openapi/*", "/api", "/api/*", "/apis", "/apis/*"];
    let reviews = ["selfsubjectaccessreviews", "selfsubjectrulesreviews"];
    vec![
        role(
            "cluster-admin",
            &[],
            &json!([
                { "verbs": ["*"], "apiGroups": ["*"], "resources": ["*"] },
                { "verbs": ["*"], "nonResourceURLs": ["*"] },
            ]),
        ),
        role(
            "system:discovery",
            &[],
            &json!([{ "verbs": ["get"], "nonResourceURLs": ([&probes[..], &discovery[..]].concat()) }]),
        ),
        role("system:public-info-viewer", &[], &json!([{ "verbs": ["get"], "nonResourceURLs": probes }])),
        role("system:basic-user", &[], &json!([rule(&["create"], "authorization.k8s.io", &reviews)])),
        role(
            "system:auth-delegator",
            &[],
            &json!([
                rule(&["create"], "authentication.k8s.io", &["tokenreviews"]),
                rule(&["create"], "authorization.k8s.io", &["subjectaccessreviews"]),
            ]),
        ),
        aggregated("admin", None),
        aggregated("edit", Some("admin")),
        aggregated("view", Some("edit")),
        role(
            "system:aggregate-to-admin",
            &["admin"],
            &json!([
                rule(&["create"], "authorization.k8s.io", &["localsubjectaccessreviews"]),
                rule(&[&WRITE[..], &READ[..]].concat(), RBAC, &["roles", "rolebindings"]),
            ]),
        ),
        role(
            "system:aggregate-to-edit",
            &["edit"],
            &json!([
                rule(&READ, "", &["secrets"]),
                rule(&["impersonate"], "", &["serviceaccounts"]),
                rule(&WRITE, "", &["serviceaccounts", "configmaps", "secrets"]),
                rule(&["create"], "", &["serviceaccounts/token"]),
                rule(&[&WRITE[..], &READ[..]].concat(), "coordination.k8s.io", &["leases"]),
            ]),
        ),
        role(
            "system:aggregate-to-view",
            &["view"],
            &json!([rule(&READ, "", &["serviceaccounts", "configmaps", "events", "namespaces"])]),
        ),
    ]
}

fn rule(verbs: &[&str], group: &str, resources: &[&str]) -> Value {
    json!({ "verbs": verbs, "apiGroups": [group], "resources": resources })
}

fn role(name: &str, into: &[&str], rules: &Value) -> Value {
    let mut labels = json!({ "kubernetes.io/bootstrapping": "rbac-defaults" });
    for role in into {
        if let Some(labels) = labels.as_object_mut() {
            labels.insert(format!("{RBAC}/aggregate-to-{role}"), "true".into());
        }
    }
    json!({ "metadata": { "name": name, "labels": labels }, "rules": rules })
}

fn aggregated(name: &str, into: Option<&str>) -> Value {
    let label = format!("{RBAC}/aggregate-to-{name}");
    let mut role = role(name, into.as_slice(), &json!([]));
    if let Some(role) = role.as_object_mut() {
        let selector = json!({ "clusterRoleSelectors": [{ "matchLabels": { label: "true" } }] });
        role.insert("aggregationRule".to_owned(), selector);
    }
    role
}

/// Writes one of the above, which are known to be well formed.
fn put(store: &mut Store, resource: &'static Resource, mut object: Value) {
    object::stamp(&mut object);
    validate::default(resource, &mut object);
    if let Ok(object) = (resource.normalise)(object) {
        store.put(resource, object);
    }
}
