//! Who may do what.

use catalog_testkit_kubernetes::{Flavour, TestCluster};
use k8s_openapi::api::authorization::v1::{
    SelfSubjectAccessReview, SubjectAccessReview, SubjectAccessReviewStatus,
};
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};

use crate::support::{config_map, create, object, refused};

const GROUP: &str = "catalog.example.com";

async fn ask(client: &Client, spec: Value) -> SubjectAccessReviewStatus {
    let reviews: Api<SubjectAccessReview> = Api::all(client.clone());
    let review = object(json!({ "metadata": {}, "spec": spec }));
    reviews.create(&PostParams::default(), &review).await.unwrap().status.unwrap()
}

fn assets(namespace: &str, verb: &str, name: &str) -> Value {
    json!({ "group": GROUP, "resource": "assets", "verb": verb, "namespace": namespace, "name": name })
}

pub(crate) async fn role(client: &Client, namespace: &str, name: &str, rules: Value) {
    create::<Role>(client, namespace, json!({ "metadata": { "name": name }, "rules": rules })).await;
}

pub(crate) async fn bind(
    client: &Client,
    namespace: &str,
    name: &str,
    kind: &str,
    role: &str,
    subject: Value,
) {
    let binding = json!({
        "metadata": { "name": name },
        "roleRef": { "kind": kind, "name": role, "apiGroup": "rbac.authorization.k8s.io" },
        "subjects": [subject],
    });
    create::<RoleBinding>(client, namespace, binding).await;
}

pub(crate) fn user(name: &str) -> Value {
    json!({ "kind": "User", "name": name, "apiGroup": "rbac.authorization.k8s.io" })
}

pub(crate) async fn review_before_and_after_a_binding(cluster: &TestCluster) {
    let namespace = cluster.namespace().await;
    let (client, namespace) = (cluster.client(), namespace.name());
    let spec = json!({ "user": "zoe", "resourceAttributes": assets(namespace, "get", "") });
    let before = ask(&client, spec.clone()).await;
    assert!(!before.allowed && before.denied.is_none() && before.reason.is_none(), "{before:?}");

    let rules = json!([{ "verbs": ["get"], "apiGroups": [GROUP], "resources": ["assets"] }]);
    role(&client, namespace, "reader", rules).await;
    bind(&client, namespace, "readers", "Role", "reader", user("zoe")).await;
    let expected =
        format!("RBAC: allowed by RoleBinding \"readers/{namespace}\" of Role \"reader\" to User \"zoe\"");
    let after = settled(&client, &spec).await;
    assert_eq!(after.reason.as_deref(), Some(expected.as_str()));

    for denied in [assets(namespace, "list", ""), assets("default", "get", "")] {
        assert!(!ask(&client, json!({ "user": "zoe", "resourceAttributes": denied })).await.allowed);
    }
    let with_group =
        json!({ "user": "x", "groups": ["zoe"], "resourceAttributes": assets(namespace, "get", "") });
    assert!(!ask(&client, with_group).await.allowed);

    bind(&client, namespace, "bots", "Role", "reader", json!({ "kind": "ServiceAccount", "name": "bot" }))
        .await;
    let bot = format!("system:serviceaccount:{namespace}:bot");
    let spec = json!({ "user": bot, "resourceAttributes": assets(namespace, "get", "x") });
    let expected = format!(
        "RBAC: allowed by RoleBinding \"bots/{namespace}\" of Role \"reader\" to ServiceAccount \"bot/{namespace}\""
    );
    assert_eq!(settled(&client, &spec).await.reason.as_deref(), Some(expected.as_str()));
}

/// Asks until it is allowed: a real server learns of a binding a moment later.
pub(crate) async fn settled(client: &Client, spec: &Value) -> SubjectAccessReviewStatus {
    for _ in 0..100 {
        let answer = ask(client, spec.clone()).await;
        if answer.allowed {
            return answer;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("still not allowed: {spec}");
}

pub(crate) async fn review_of_names_and_paths(cluster: &TestCluster) {
    let namespace = cluster.namespace().await;
    let (client, namespace) = (cluster.client(), namespace.name());
    let rules = json!([
        { "verbs": ["*"], "apiGroups": [GROUP], "resources": ["assets"], "resourceNames": ["one"] },
        { "verbs": ["get"], "apiGroups": ["*"], "resources": ["*/status"] },
    ]);
    role(&client, namespace, "some", rules).await;
    let group = json!({ "kind": "Group", "name": "some", "apiGroup": "rbac.authorization.k8s.io" });
    bind(&client, namespace, "some", "Role", "some", group).await;
    let spec =
        |attributes: Value| json!({ "user": "u", "groups": ["some"], "resourceAttributes": attributes });
    settled(&client, &spec(assets(namespace, "update", "one"))).await;
    for (attributes, allowed) in [
        (assets(namespace, "get", "two"), false),
        (assets(namespace, "list", ""), false),
        (
            json!({ "group": "x", "resource": "y", "subresource": "status", "verb": "get", "namespace": namespace }),
            true,
        ),
        (
            json!({ "group": GROUP, "resource": "assets", "subresource": "log", "name": "one", "verb": "get", "namespace": namespace }),
            false,
        ),
    ] {
        assert_eq!(ask(&client, spec(attributes.clone())).await.allowed, allowed, "{attributes}");
    }
    let path = |groups: Value| json!({ "user": "u", "groups": groups, "nonResourceAttributes": { "path": "/healthz", "verb": "get" } });
    assert!(ask(&client, path(json!(["system:authenticated"]))).await.allowed);
    assert!(!ask(&client, path(json!(["some"]))).await.allowed);
}

pub(crate) async fn cluster_binding(cluster: &TestCluster) {
    let namespace = cluster.namespace().await;
    let (client, namespace) = (cluster.client(), namespace.name());
    let roles: Api<ClusterRole> = Api::all(client.clone());
    let bindings: Api<ClusterRoleBinding> = Api::all(client.clone());
    let granted = json!([
        { "verbs": ["get"], "apiGroups": [GROUP], "resources": ["assets"] },
        { "verbs": ["get"], "nonResourceURLs": ["/catalog/*"] },
    ]);
    let wanted = object(json!({ "metadata": { "name": namespace }, "rules": granted }));
    roles.create(&PostParams::default(), &wanted).await.unwrap();
    bind(&client, namespace, "here", "ClusterRole", namespace, user("here")).await;
    let wanted = object(json!({
        "metadata": { "name": namespace },
        "roleRef": { "kind": "ClusterRole", "name": namespace, "apiGroup": "rbac.authorization.k8s.io" },
        "subjects": [user("everywhere")],
    }));
    bindings.create(&PostParams::default(), &wanted).await.unwrap();

    let everywhere = json!({ "user": "everywhere", "resourceAttributes": assets("default", "get", "") });
    let expected = format!(
        "RBAC: allowed by ClusterRoleBinding \"{namespace}\" of ClusterRole \"{namespace}\" to User \"everywhere\""
    );
    assert_eq!(settled(&client, &everywhere).await.reason.as_deref(), Some(expected.as_str()));
    settled(&client, &json!({ "user": "here", "resourceAttributes": assets(namespace, "get", "") })).await;
    let path = json!({ "path": "/catalog/x", "verb": "get" });
    assert!(ask(&client, json!({ "user": "everywhere", "nonResourceAttributes": path })).await.allowed);
    for denied in [
        json!({ "user": "here", "resourceAttributes": assets("", "get", "") }),
        json!({ "user": "here", "nonResourceAttributes": path }),
    ] {
        assert!(!ask(&client, denied.clone()).await.allowed, "{denied}");
    }
    bindings.delete(namespace, &DeleteParams::default()).await.unwrap();
    roles.delete(namespace, &DeleteParams::default()).await.unwrap();
}

pub(crate) async fn masters_may_everything(cluster: &TestCluster) {
    let spec =
        json!({ "user": "u", "groups": ["system:masters"], "resourceAttributes": assets("", "frob", "") });
    let answer = ask(&cluster.client(), spec).await;
    assert!(answer.allowed && answer.reason.is_none(), "{answer:?}");
}

pub(crate) async fn own_review(cluster: &TestCluster) {
    let namespace = cluster.namespace().await;
    let reviews: Api<SelfSubjectAccessReview> =
        Api::all(cluster.client_for("zoe", &["system:authenticated"]));
    let review = object(json!({
        "metadata": {}, "spec": { "resourceAttributes": assets(namespace.name(), "get", "") },
    }));
    let answer = reviews.create(&PostParams::default(), &review).await.unwrap();
    assert!(!answer.status.unwrap().allowed);
    let reviews: Api<SelfSubjectAccessReview> = Api::all(cluster.client());
    let answer = reviews.create(&PostParams::default(), &review).await.unwrap();
    assert!(answer.status.unwrap().allowed);
}

pub(crate) async fn review_refusals(cluster: &TestCluster) {
    let reviews: Api<SubjectAccessReview> = Api::all(cluster.client());
    let path = json!({ "path": "/", "verb": "get" });
    for (spec, field) in [
        (json!({ "user": "u" }), "spec.resourceAttributes"),
        (json!({ "nonResourceAttributes": path }), "spec.user"),
        (
            json!({ "user": "u", "nonResourceAttributes": path, "resourceAttributes": {} }),
            "spec.nonResourceAttributes",
        ),
    ] {
        let review = object(json!({ "metadata": {}, "spec": spec }));
        let why = refused(reviews.create(&PostParams::default(), &review).await, 422, "Invalid");
        let start = format!(".authorization.k8s.io \"\" is invalid: {field}: Invalid value: ");
        assert!(why.starts_with(&start), "{why}");
    }
}

pub(crate) async fn missing_role_is_told(cluster: &TestCluster) {
    let namespace = cluster.namespace().await;
    let (client, namespace) = (cluster.client(), namespace.name());
    bind(&client, namespace, "broken", "Role", "missing", user("lost")).await;
    let spec = json!({ "user": "lost", "resourceAttributes": assets(namespace, "get", "") });
    let mut answer = ask(&client, spec.clone()).await;
    for _ in 0..100 {
        if answer.reason.is_some() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        answer = ask(&client, spec.clone()).await;
    }
    let expected = "RBAC: role.rbac.authorization.k8s.io \"missing\" not found";
    assert_eq!((answer.allowed, answer.reason.as_deref()), (false, Some(expected)));
}

pub(crate) async fn requests_need_rights(cluster: &TestCluster) {
    let namespace = cluster.namespace().await;
    let (client, name) = (cluster.client(), namespace.name());
    let account = namespace.service_account("worker").await;
    let own: Api<ConfigMap> = Api::namespaced(cluster.client_as(&account.token), name);
    let why = refused(own.get("a").await, 403, "Forbidden");
    assert_eq!(
        why,
        format!(
            "configmaps \"a\" is forbidden: User \"{}\" cannot get resource \"configmaps\" in API group \"\" in the namespace \"{name}\"",
            account.user
        )
    );
    let rules =
        json!([{ "verbs": ["get", "list", "create"], "apiGroups": [""], "resources": ["configmaps"] }]);
    role(&client, name, "worker", rules).await;
    bind(&client, name, "worker", "Role", "worker", json!({ "kind": "ServiceAccount", "name": "worker" }))
        .await;
    let right = json!({ "resource": "configmaps", "verb": "list", "namespace": name });
    settled(&client, &json!({ "user": account.user, "resourceAttributes": right })).await;
    own.create(&PostParams::default(), &config_map("a", "1")).await.unwrap();
    own.list(&ListParams::default()).await.unwrap();
    let why = refused(own.delete("a", &DeleteParams::default()).await, 403, "Forbidden");
    assert!(why.contains("cannot delete resource \"configmaps\""), "{why}");
    let all: Api<ConfigMap> = Api::all(cluster.client_as(&account.token));
    let why = refused(all.list(&ListParams::default()).await, 403, "Forbidden");
    assert!(
        why.starts_with("configmaps is forbidden: User ") && why.ends_with(" at the cluster scope"),
        "{why}"
    );
}

pub(crate) async fn refused_roles_and_bindings(cluster: &TestCluster) {
    let namespace = cluster.namespace().await;
    let client = cluster.client();
    let roles: Api<Role> = Api::namespaced(client.clone(), namespace.name());
    for (rule, expected) in [
        (
            json!({ "verbs": [], "apiGroups": [""], "resources": ["x"] }),
            "rules[0].verbs: Required value: verbs must contain at least one value",
        ),
        (
            json!({ "verbs": ["get"], "resources": ["x"] }),
            "rules[0].apiGroups: Required value: resource rules must supply at least one api group",
        ),
        (
            json!({ "verbs": ["get"], "apiGroups": [""] }),
            "rules[0].resources: Required value: resource rules must supply at least one resource",
        ),
        (
            json!({ "verbs": ["get"], "nonResourceURLs": ["/"] }),
            "rules[0].nonResourceURLs: Invalid value: [\"/\"]: namespaced rules cannot apply to non-resource URLs",
        ),
    ] {
        let role = object(json!({ "metadata": { "name": "bad" }, "rules": [rule] }));
        let why = refused(roles.create(&PostParams::default(), &role).await, 422, "Invalid");
        let why = why.replace("[]string{\"/\"}", "[\"/\"]");
        assert_eq!(why, format!("Role.rbac.authorization.k8s.io \"bad\" is invalid: {expected}"));
    }

    bind(&client, namespace.name(), "fixed", "Role", "one", user("u")).await;
    let bindings: Api<RoleBinding> = Api::namespaced(client, namespace.name());
    let mut binding = bindings.get("fixed").await.unwrap();
    "two".clone_into(&mut binding.role_ref.name);
    let why = refused(bindings.replace("fixed", &PostParams::default(), &binding).await, 422, "Invalid");
    assert!(why.contains("roleRef: Invalid value: ") && why.ends_with("cannot change roleRef"), "{why}");
    for (subject, expected) in [
        (
            json!({ "kind": "user", "name": "u" }),
            "subjects[0].kind: Unsupported value: \"user\": supported values: ",
        ),
        (json!({ "kind": "User", "name": "" }), "subjects[0].name: Required value"),
    ] {
        let binding = object(json!({
            "metadata": { "name": "bad" },
            "roleRef": { "kind": "Role", "name": "one", "apiGroup": "rbac.authorization.k8s.io" },
            "subjects": [subject],
        }));
        let why = refused(bindings.create(&PostParams::default(), &binding).await, 422, "Invalid");
        assert!(why.contains(expected), "{why}");
    }
}

pub(crate) async fn aggregated_roles(cluster: &TestCluster) {
    if cluster.flavour() == Flavour::Started {
        // It has no controller to fill them.
        return;
    }
    let namespace = cluster.namespace().await;
    let (client, name) = (cluster.client(), namespace.name());
    let roles: Api<ClusterRole> = Api::all(client.clone());
    let (whole, part, label) =
        (format!("{name}-whole"), format!("{name}-part"), format!("aggregate.test/{name}"));
    let wanted = object(json!({
        "metadata": { "name": whole },
        "rules": [],
        "aggregationRule": { "clusterRoleSelectors": [{ "matchLabels": { &label: "true" } }] },
    }));
    roles.create(&PostParams::default(), &wanted).await.unwrap();
    bind(&client, name, "whole", "ClusterRole", &whole, user("sum")).await;
    let wanted = object(json!({
        "metadata": { "name": part, "labels": { &label: "true" } },
        "rules": [{ "verbs": ["get"], "apiGroups": [GROUP], "resources": ["assets"] }],
    }));
    roles.create(&PostParams::default(), &wanted).await.unwrap();
    settled(&client, &json!({ "user": "sum", "resourceAttributes": assets(name, "get", "") })).await;
    for role in [whole, part] {
        roles.delete(&role, &DeleteParams::default()).await.unwrap();
    }
}

pub(crate) async fn acting_as_others_needs_a_right(cluster: &TestCluster) {
    let namespace = cluster.namespace().await;
    let account = namespace.service_account("actor").await;
    let client = cluster.client_as(&account.token);
    let request = http::Request::get("/version").header("impersonate-user", "zoe").body(Vec::new()).unwrap();
    let why = refused(client.request_text(request).await, 403, "Forbidden");
    assert_eq!(
        why,
        format!(
            "users \"zoe\" is forbidden: User \"{}\" cannot impersonate resource \"users\" in API group \"\" at the cluster scope",
            account.user
        )
    );
}
