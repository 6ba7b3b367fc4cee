//! Random roles, bindings and questions, put to a real API server and to the fake alike.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::time::Duration;

use catalog_testkit_kubernetes::TestCluster;
use catalog_testkit_kubernetes::fake::Fake;
use k8s_openapi::api::authorization::v1::SubjectAccessReview;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use kube::api::{DeleteParams, PostParams};
use kube::{Api, Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

const RBAC: &str = "rbac.authorization.k8s.io";
const GROUPS: [&str; 3] = ["", "catalog.example.com", "*"];
const RESOURCES: [&str; 7] = ["assets", "assets/status", "*/status", "assets/*", "*", "*/*", "sources"];
const VERBS: [&str; 4] = ["get", "list", "create", "*"];
const NAMES: [&str; 4] = ["", "x", "y", "*"];
const PATHS: [&str; 6] = ["/a", "/a*", "/a/*", "*", "/*/b", "/a/b"];
const KINDS: [&str; 3] = ["User", "Group", "ServiceAccount"];

/// Random enough, and the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        // Numbers of Steele and Vigna's splitmix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).unwrap()
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    fn some<'a>(&mut self, of: &[&'a str]) -> Vec<&'a str> {
        (0..=self.below(2)).map(|_| self.one(of)).collect()
    }

    fn rules(&mut self, with_paths: bool) -> Value {
        let rules = (0..=self.below(2)).map(|_| {
            if with_paths && self.below(3) == 0 {
                return json!({ "verbs": self.some(&VERBS), "nonResourceURLs": self.some(&PATHS) });
            }
            let mut rule = json!({
                "verbs": self.some(&VERBS),
                "apiGroups": self.some(&GROUPS),
                "resources": self.some(&RESOURCES),
            });
            if self.below(3) == 0 {
                rule["resourceNames"] = json!(self.some(&NAMES));
            }
            rule
        });
        rules.collect()
    }

    fn subject(&mut self, namespace: &str) -> Value {
        let (kind, name) = (self.one(&KINDS), self.one(&["ann", "bob"]));
        if kind == "ServiceAccount" {
            return json!({ "kind": kind, "name": name, "namespace": namespace });
        }
        json!({ "kind": kind, "name": name, "apiGroup": RBAC })
    }

    fn question(&mut self, namespace: &str) -> Value {
        let account = format!("system:serviceaccount:{namespace}:ann");
        let mut spec = json!({
            "user": self.one(&["ann", "bob", "eve", &account]),
            "groups": self.some(&["ann", "bob", "none"]),
        });
        if self.below(4) == 0 {
            let path = self.one(&["/a", "/ab", "/a/b", "/", "/x/b"]);
            spec["nonResourceAttributes"] = json!({ "path": path, "verb": self.one(&VERBS) });
        } else {
            spec["resourceAttributes"] = json!({
                "group": self.one(&GROUPS),
                "resource": self.one(&["assets", "sources", "*"]),
                "subresource": self.one(&["", "", "status", "log", "*"]),
                "verb": self.one(&["get", "list", "create", "frob", "*"]),
                "name": self.one(&NAMES),
                "namespace": self.one(&[namespace, namespace, "", "default"]),
            });
        }
        spec
    }
}

/// The same object on both.
async fn put<K>(clients: &[Client; 2], namespace: Option<&str>, json: Value)
where
    K: Resource<DynamicType = ()> + Clone + Serialize + DeserializeOwned + std::fmt::Debug,
{
    for client in clients {
        let request = kube::core::Request::new(K::url_path(&(), namespace));
        let request = request.create(&PostParams::default(), json.to_string().into_bytes()).unwrap();
        client.request::<K>(request).await.unwrap_or_else(|error| panic!("{error}: {json}"));
    }
}

async fn ask(client: &Client, spec: &Value) -> Value {
    let reviews: Api<SubjectAccessReview> = Api::all(client.clone());
    let review = serde_json::from_value(json!({ "metadata": {}, "spec": spec })).unwrap();
    let answer = reviews.create(&PostParams::default(), &review).await.unwrap();
    serde_json::to_value(answer.status.unwrap()).unwrap()
}

/// The reason as far as it does not depend on the order of bindings, of which a real one has none.
fn told(answer: &Value) -> Vec<&str> {
    let reason = answer["reason"].as_str().unwrap_or_default();
    if let Some(start) = reason.get(.."RBAC: allowed by ".len()).filter(|_| answer["allowed"] == true) {
        return vec![start];
    }
    let errors = reason.trim_start_matches("RBAC: ").trim_matches(['[', ']']);
    let mut errors: Vec<&str> = errors.split(", ").collect();
    errors.sort_unstable();
    errors
}

#[tokio::test]
async fn fake_decides_as_a_real_one() {
    let cluster = TestCluster::start().await;
    if cluster.as_fake().is_some() {
        // Nothing to compare with.
        return;
    }
    let namespace = cluster.namespace().await;
    let clients = [cluster.client(), Fake::new().client()];
    let name = namespace.name();
    let namespaces: Api<Namespace> = Api::all(clients[1].clone());
    let twin = serde_json::from_value(json!({ "metadata": { "name": name } })).unwrap();
    namespaces.create(&PostParams::default(), &twin).await.unwrap();

    let mut dice = Dice(1);
    let own = |index: usize| format!("{name}-{index}");
    for index in 0..8 {
        let rules = dice.rules(true);
        let role = json!({ "metadata": { "name": own(index) }, "rules": rules });
        put::<ClusterRole>(&clients, None, role).await;
        let rules = dice.rules(false);
        put::<Role>(&clients, Some(name), json!({ "metadata": { "name": own(index) }, "rules": rules }))
            .await;
    }
    for index in 0..12 {
        // Some of the roles are missing.
        let kind = dice.one(&["Role", "ClusterRole"]);
        let role = json!({ "kind": kind, "name": own(dice.below(9)), "apiGroup": RBAC });
        let subjects = [dice.subject(name), dice.subject(name)];
        let binding = json!({ "metadata": { "name": own(index) }, "roleRef": role, "subjects": subjects });
        put::<RoleBinding>(&clients, Some(name), binding).await;
    }
    for index in 0..2 {
        let role = json!({ "kind": "ClusterRole", "name": own(dice.below(9)), "apiGroup": RBAC });
        let binding =
            json!({ "metadata": { "name": own(index) }, "roleRef": role, "subjects": [dice.subject(name)] });
        put::<ClusterRoleBinding>(&clients, None, binding).await;
    }
    // The last of all tells by its error that the real one has learnt of the others.
    let missing = json!({ "kind": "ClusterRole", "name": own(9), "apiGroup": RBAC });
    let last = json!({
        "metadata": { "name": own(9) }, "roleRef": missing,
        "subjects": [{ "kind": "User", "name": "last", "apiGroup": RBAC }],
    });
    put::<ClusterRoleBinding>(&clients, None, last).await;
    let question = json!({ "user": "last", "nonResourceAttributes": { "path": "/", "verb": "get" } });
    while ask(&clients[0], &question).await["reason"].is_null() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    let mut allowed = 0;
    for _ in 0..1500 {
        let question = dice.question(name);
        let [real, fake] = [ask(&clients[0], &question).await, ask(&clients[1], &question).await];
        assert_eq!(real["allowed"], fake["allowed"], "{question}: {real} {fake}");
        assert_eq!(told(&real), told(&fake), "{question}");
        allowed += usize::from(real["allowed"] == true);
    }
    assert!((150..1200).contains(&allowed), "{allowed} of 1500 allowed");

    let [client, _] = clients;
    let (roles, bindings): (Api<ClusterRole>, Api<ClusterRoleBinding>) =
        (Api::all(client.clone()), Api::all(client));
    for index in 0..10 {
        // Not all of them are there.
        let _ = roles.delete(&own(index), &DeleteParams::default()).await;
        let _ = bindings.delete(&own(index), &DeleteParams::default()).await;
    }
}
