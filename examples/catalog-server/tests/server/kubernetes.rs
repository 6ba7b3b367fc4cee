//! Callers whom a Kubernetes cluster knows, and what its roles let them do; with the manifests that the server comes with.

use catalog_core::yaml::{Limits, Node};
use catalog_testkit_kubernetes::{Account, TestCluster, TestNamespace};
use kube::{
    Api, Client,
    api::{ApiResource, DeleteParams, DynamicObject, PostParams, TypeMeta},
};
use serde_json::{Value, json};

use crate::fixture::{Answer, Server};

const MODELS: &str = "/api/model_catalog/v1alpha1/models";
const ROLES: &str = include_str!("../../deploy/kubernetes/roles.yaml");
const SERVER_ROLES: &str = include_str!("../../deploy/kubernetes/server-roles.yaml");

/// Creates an object, unless it is there.
async fn create(client: &Client, object: Value) {
    let object: DynamicObject = serde_json::from_value(object).unwrap();
    let api = api(client, object.types.as_ref().unwrap(), object.metadata.namespace.as_deref());
    match api.create(&PostParams::default(), &object).await {
        Err(kube::Error::Api(status)) if status.code == 409 => {}
        created => drop(created.unwrap()),
    }
}

fn api(client: &Client, types: &TypeMeta, namespace: Option<&str>) -> Api<DynamicObject> {
    let (group, version) = types.api_version.split_once('/').unwrap_or(("", &types.api_version));
    let resource = ApiResource::from_gvk(&kube::api::GroupVersionKind::gvk(group, version, &types.kind));
    match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    }
}

/// The objects of a manifest.
fn objects(manifest: &str) -> Vec<Value> {
    let documents = manifest.split("\n---\n").map(|text| Node::parse(text, Limits::default()).unwrap());
    documents.map(|document| document.to_value()).collect()
}

fn binding(namespace: &str, role: &str, account: &Account) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "one", "namespace": namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": account.user}],
    })
}

/// A server in a cluster, with two tenants in it.
struct Fixture {
    client: Client,
    server: Server,
    mine: TestNamespace,
    theirs: TestNamespace,
    account: Account,
    _home: TestNamespace,
    _cluster: TestCluster,
}

impl Fixture {
    async fn new(authz: &str) -> Self {
        let cluster = TestCluster::start().await;
        let (client, home) = (cluster.client(), cluster.namespace().await);
        for object in objects(ROLES) {
            create(&client, object).await;
        }
        // the service account of the manifest, in a namespace of the test's own
        for mut object in objects(SERVER_ROLES) {
            let name = format!("{}-{}", object["metadata"]["name"].as_str().unwrap(), home.name());
            object["metadata"]["name"] = name.into();
            if let Some(subject) = object.pointer_mut("/subjects/0") {
                assert_eq!(
                    *subject,
                    json!({"kind": "ServiceAccount", "name": "catalog-server", "namespace": "catalog"})
                );
                subject["namespace"] = home.name().into();
            }
            if object["roleRef"]["name"] == "catalog-server" {
                object["roleRef"]["name"] = format!("catalog-server-{}", home.name()).into();
            }
            create(&client, object).await;
        }
        let itself = home.service_account("catalog-server").await;
        let (mine, theirs) = (cluster.namespace().await, cluster.namespace().await);
        let account = mine.service_account("jane").await;
        create(&client, binding(mine.name(), "catalog-viewer", &account)).await;
        let folder = tempfile::tempdir().unwrap();
        let kubeconfig = cluster.kubeconfig(folder.path(), &itself.token).await;
        let env = [
            ("KUBECONFIG", kubeconfig.to_str().unwrap()),
            ("CATALOG_TENANCY_MODE", "namespace"),
            ("CATALOG_TENANCY_DIRECTORY", "kubernetes"),
            ("CATALOG_AUTH_MODE", "tokenreview"),
            ("CATALOG_AUTHZ_MODE", authz),
            ("CATALOG_SHUTDOWN_DELAY_SECONDS", "0"),
        ];
        let mut server = Server::start(folder, &env);
        server.token = None;
        Self { client, server, mine, theirs, account, _home: home, _cluster: cluster }
    }

    fn list(&self, namespace: &TestNamespace, token: &str) -> Answer {
        let bearer = format!("Bearer {token}");
        let path = format!("{MODELS}?namespace={}", namespace.name());
        self.server.ask("GET", &path, &[("authorization", &bearer)], "")
    }

    /// What holds however the cluster is asked.
    fn check(&self) {
        let Self { account, mine, theirs, .. } = self;
        let listed = self.list(mine, &account.token);
        assert_eq!(listed.status, 200, "{listed:?}: {}", self.server.log());
        assert_eq!(self.list(theirs, &account.token).code(), "forbidden");
        assert_eq!(self.list(mine, "not.a.token").status, 401);
        let bearer = format!("Bearer {}", account.token);
        let change = self.server.ask(
            "POST",
            &format!("/api/model_catalog/v1alpha1/sources?namespace={}", mine.name()),
            &[("authorization", &bearer), ("content-type", "application/json")],
            r#"{"id":"x","name":"X","type":"yaml"}"#,
        );
        assert!([403, 404, 405].contains(&change.status), "{change:?}");
        let seen =
            self.server.ask("GET", "/api/tenancy/v1alpha1/namespaces", &[("authorization", &bearer)], "");
        assert_eq!(seen.json()["namespaces"], json!([mine.name()]));
        let plugins = self.server.ask("GET", "/api/plugins", &[("authorization", &bearer)], "");
        assert_eq!(plugins.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cluster_is_asked_who_may_what() {
    Fixture::new("sar").await.check();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_that_the_cluster_withdraws_is_gone_at_once() {
    let fixture = Fixture::new("rbac-kubernetes").await;
    fixture.server.wait_for_component("policy", "ok");
    fixture.check();
    let Fixture { client, mine, account, .. } = &fixture;
    let types = TypeMeta { api_version: "rbac.authorization.k8s.io/v1".into(), kind: "RoleBinding".into() };
    let bindings = api(client, &types, Some(mine.name()));
    bindings.delete("one", &DeleteParams::default()).await.unwrap();
    let waits = async {
        while fixture.list(mine, &account.token).status != 403 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    // the verdict on the token is kept for longer than this
    tokio::time::timeout(std::time::Duration::from_secs(5), waits).await.unwrap();
}
