//! What decides: the embedded engine with many bindings, and a cluster whose answers are kept.

use std::sync::Arc;

use catalog_core::directory::NamespaceDirectory;
use catalog_rbac::{
    engine::{Policy, PolicyHandle, RbacAuthorizer},
    sar::{SubjectAccessReviewAuthorizer, SubjectAccessReviewConfig},
};
use catalog_testkit_kubernetes::TestCluster;
use kube::{
    Api,
    api::{ApiResource, DynamicObject, GroupVersionKind, PostParams},
};
use serde_json::{Value, json};

use crate::AnyError;

const GROUP: &str = "rbac.authorization.k8s.io";

fn role() -> Value {
    json!({
        "apiVersion": format!("{GROUP}/v1"), "kind": "ClusterRole", "metadata": {"name": "viewer"},
        "rules": [{"apiGroups": ["catalog.kubeflow.org"], "resources": ["assets"], "verbs": ["get", "list"]}],
    })
}

fn binding(kind: &str, name: &str, namespace: Option<&str>, user: &str) -> Value {
    let mut binding = json!({
        "apiVersion": format!("{GROUP}/v1"), "kind": kind, "metadata": {"name": name},
        "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": "viewer"},
        "subjects": [{"apiGroup": GROUP, "kind": "User", "name": user}],
    });
    if let Some(namespace) = namespace {
        binding["metadata"]["namespace"] = namespace.into();
    }
    binding
}

/// With so many bindings, one of which lets `user` list in `t0`.
pub(super) fn embedded(bindings: usize, user: &str) -> Result<RbacAuthorizer, AnyError> {
    let of = |number: usize| {
        let (user, name) = if number == 0 {
            (user.to_owned(), "one".into())
        } else {
            (format!("user-{number}"), number.to_string())
        };
        binding("RoleBinding", &name, Some(&format!("t{}", number % 1_000)), &user)
    };
    let items: Vec<Value> = std::iter::once(role()).chain((0..bindings).map(of)).collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
    // a text of so many objects is more than a file of roles may be
    let mut policy = Policy::new();
    for item in list["items"].as_array().into_iter().flatten() {
        for object in Policy::parse(&item.to_string())?.objects() {
            policy.add(object)?;
        }
    }
    Ok(RbacAuthorizer::new(Arc::new(PolicyHandle::new(policy))))
}

/// A cluster that lets `user` list everywhere, and is asked once.
pub(super) async fn cluster(
    directory: Arc<dyn NamespaceDirectory>,
    user: &str,
) -> Result<SubjectAccessReviewAuthorizer, AnyError> {
    let client = TestCluster::fake().client();
    for object in [role(), binding("ClusterRoleBinding", "one", None, user)] {
        let kind = object["kind"].as_str().unwrap_or_default().to_owned();
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(GROUP, "v1", &kind));
        let object: DynamicObject = serde_json::from_value(object)?;
        Api::all_with(client.clone(), &resource).create(&PostParams::default(), &object).await?;
    }
    let config = SubjectAccessReviewConfig {
        allow_ttl: std::time::Duration::from_hours(1),
        ..SubjectAccessReviewConfig::default()
    };
    Ok(SubjectAccessReviewAuthorizer::new(client, directory, config))
}
