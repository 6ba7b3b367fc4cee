//! Rights to give rights.

use catalog_testkit_kubernetes::TestCluster;
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::access::{bind, role, settled, user};
use crate::support::{object, refused};

fn wanted(name: &str, rules: &Value) -> Role {
    object(json!({ "metadata": { "name": name }, "rules": rules }))
}

pub(crate) async fn nobody_grants_what_they_lack(cluster: &TestCluster) {
    let namespace = cluster.namespace().await;
    let (client, name) = (cluster.client(), namespace.name());
    let rbac = "rbac.authorization.k8s.io";
    let own = json!([
        { "verbs": ["*"], "apiGroups": [rbac], "resources": ["rolebindings"] },
        { "verbs": ["get", "create", "update", "patch"], "apiGroups": [rbac], "resources": ["roles"] },
        { "verbs": ["get"], "apiGroups": [""], "resources": ["configmaps", "*/status"] },
        { "verbs": ["bind"], "apiGroups": [rbac], "resources": ["roles"], "resourceNames": ["bindable"] },
        { "verbs": ["escalate"], "apiGroups": [rbac], "resources": ["roles"], "resourceNames": ["any"] },
    ]);
    let more =
        json!([{ "verbs": ["get", "delete", "list"], "apiGroups": [""], "resources": ["configmaps"] }]);
    role(&client, name, "own", own).await;
    for other in ["bindable", "other", "any"] {
        role(&client, name, other, more.clone()).await;
    }
    bind(&client, name, "own", "Role", "own", user("giver")).await;
    let right = json!({ "group": rbac, "resource": "roles", "verb": "create", "namespace": name });
    settled(&client, &json!({ "user": "giver", "resourceAttributes": right })).await;

    let giver = cluster.client_for("giver", &["a", "b"]);
    let roles: Api<Role> = Api::namespaced(giver.clone(), name);
    let parameters = PostParams::default();
    let held = json!([
        { "verbs": ["get"], "apiGroups": [""], "resources": ["configmaps", "pods/status"], "resourceNames": ["x"] },
    ]);
    roles.create(&parameters, &wanted("held", &held)).await.unwrap();
    let why = refused(roles.create(&parameters, &wanted("more", &more)).await, 403, "Forbidden");
    assert_eq!(
        why,
        "roles.rbac.authorization.k8s.io \"more\" is forbidden: user \"giver\" (groups=[\"a\" \"b\" \"system:authenticated\"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[\"\"], Resources:[\"configmaps\"], Verbs:[\"delete\" \"list\"]}"
    );
    refused(roles.replace("held", &parameters, &wanted("held", &more)).await, 403, "Forbidden");
    let harmless = Patch::Merge(json!({ "metadata": { "labels": { "a": "b" } } }));
    roles.patch("held", &PatchParams::default(), &harmless).await.unwrap();
    roles
        .replace(
            "any",
            &parameters,
            &wanted(
                "any",
                &json!([
                    { "verbs": ["*"], "apiGroups": ["*"], "resources": ["*"] },
                ]),
            ),
        )
        .await
        .unwrap();

    let bindings: Api<RoleBinding> = Api::namespaced(giver, name);
    let binding = |of: &str| -> RoleBinding {
        object(json!({
            "metadata": { "name": of },
            "roleRef": { "kind": "Role", "name": of, "apiGroup": rbac },
            "subjects": [user("friend")],
        }))
    };
    bindings.create(&parameters, &binding("held")).await.unwrap();
    bindings.create(&parameters, &binding("bindable")).await.unwrap();
    let why = refused(bindings.create(&parameters, &binding("other")).await, 403, "Forbidden");
    assert!(
        why.starts_with("rolebindings.rbac.authorization.k8s.io \"other\" is forbidden: user \"giver\""),
        "{why}"
    );
    refused(bindings.create(&parameters, &binding("missing")).await, 404, "NotFound");
}
