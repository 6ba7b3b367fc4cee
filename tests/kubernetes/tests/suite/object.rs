//! Creating, changing and deleting.

use catalog_testkit_kubernetes::TestCluster;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret};
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions};
use serde_json::json;

use crate::support::{config_map, object, refused, version};

pub(crate) async fn create_get_replace_delete(cluster: &TestCluster) {
    let namespace = cluster.namespace().await;
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client(), namespace.name());
    let created = maps.create(&PostParams::default(), &config_map("a", "1")).await.unwrap();
    assert_eq!(created.metadata.namespace.as_deref(), Some(namespace.name()));
    assert!(created.metadata.uid.is_some() && created.metadata.creation_timestamp.is_some());
    assert_eq!(maps.get("a").await.unwrap(), created);

    let mut wanted = created.clone();
    wanted.data = Some([("key".to_owned(), "2".to_owned())].into());
    let replaced = maps.replace("a", &PostParams::default(), &wanted).await.unwrap();
    assert_eq!(replaced.metadata.uid, created.metadata.uid);
    assert_ne!(version(&replaced.metadata), version(&created.metadata));

    wanted.data = None;
    let message = refused(maps.replace("a", &PostParams::default(), &wanted).await, 409, "Conflict");
    assert_eq!(
        message,
        "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please apply your changes to the latest version and try again"
    );
    wanted.metadata.resource_version = None;
    assert!(maps.replace("a", &PostParams::default(), &wanted).await.unwrap().data.is_none());

    let deleted = maps.delete("a", &DeleteParams::default()).await.unwrap();
    assert!(deleted.right().unwrap().is_success());
    assert!(maps.get_opt("a").await.unwrap().is_none());
}

pub(crate) async fn refusals(cluster: &TestCluster) {
    let namespace = cluster.namespace().await;
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client(), namespace.name());
    let parameters = PostParams::default();
    maps.create(&parameters, &config_map("a", "1")).await.unwrap();

    let again = refused(maps.create(&parameters, &config_map("a", "1")).await, 409, "AlreadyExists");
    assert_eq!(again, "configmaps \"a\" already exists");
    let missing = refused(maps.get("b").await, 404, "NotFound");
    assert_eq!(missing, "configmaps \"b\" not found");
    refused(maps.delete("b", &DeleteParams::default()).await, 404, "NotFound");
    refused(maps.replace("b", &parameters, &config_map("b", "1")).await, 404, "NotFound");
    let other = refused(maps.replace("b", &parameters, &config_map("a", "1")).await, 400, "BadRequest");
    assert_eq!(other, "the name of the object (a) does not match the name on the URL (b)");

    let invalid = refused(maps.create(&parameters, &config_map("A", "1")).await, 422, "Invalid");
    assert!(
        invalid.starts_with("ConfigMap \"A\" is invalid: metadata.name: Invalid value: \"A\": "),
        "{invalid}"
    );
    let mut nameless = config_map("", "1");
    nameless.metadata.name = None;
    let invalid = refused(maps.create(&parameters, &nameless).await, 422, "Invalid");
    assert_eq!(
        invalid,
        "ConfigMap \"\" is invalid: metadata.name: Required value: name or generateName is required"
    );

    let nowhere: Api<ConfigMap> = Api::namespaced(cluster.client(), "nowhere-at-all");
    let missing = refused(nowhere.create(&parameters, &config_map("a", "1")).await, 404, "NotFound");
    assert_eq!(missing, "namespaces \"nowhere-at-all\" not found");
    assert!(nowhere.list(&ListParams::default()).await.unwrap().items.is_empty());

    let namespaces: Api<Namespace> = Api::all(cluster.client());
    let why = refused(namespaces.delete("default", &DeleteParams::default()).await, 403, "Forbidden");
    assert_eq!(why, "namespaces \"default\" is forbidden: this namespace may not be deleted");
}

pub(crate) async fn patches(cluster: &TestCluster) {
    let namespace = cluster.namespace().await;
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client(), namespace.name());
    let parameters = PatchParams::default();
    let created = maps.create(&PostParams::default(), &config_map("a", "1")).await.unwrap();

    let patch = json!({ "data": { "other": "2", "key": null } });
    let merged = maps.patch("a", &parameters, &Patch::Merge(&patch)).await.unwrap();
    assert_eq!(merged.data.unwrap(), [("other".to_owned(), "2".to_owned())].into());

    let patch = json!({ "metadata": { "labels": { "more": "yes" } } });
    let merged = maps.patch("a", &parameters, &Patch::Strategic(&patch)).await.unwrap();
    assert_eq!(merged.metadata.labels.unwrap().len(), 2);

    let patch = json!({ "metadata": { "resourceVersion": version(&created.metadata) }, "data": {} });
    refused(maps.patch("a", &parameters, &Patch::Merge(&patch)).await, 409, "Conflict");
    refused(maps.patch("b", &parameters, &Patch::Merge(&json!({}))).await, 404, "NotFound");

    let apply = PatchParams::apply("test").force();
    let wanted = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "b" }, "data": { "key": "1" },
    });
    let applied = maps.patch("b", &apply, &Patch::Apply(&wanted)).await.unwrap();
    let again = maps.patch("b", &apply, &Patch::Apply(&wanted)).await.unwrap();
    assert_eq!(version(&applied.metadata), version(&again.metadata));
}

pub(crate) async fn generated_names(cluster: &TestCluster) {
    let namespace = cluster.namespace().await;
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client(), namespace.name());
    let wanted = object(json!({ "metadata": { "generateName": "run-" } }));
    let created: ConfigMap = maps.create(&PostParams::default(), &wanted).await.unwrap();
    let name = created.metadata.name.unwrap();
    assert!(name.starts_with("run-") && name.len() == 9, "{name}");
}

pub(crate) async fn unchanged_writes_are_none(cluster: &TestCluster) {
    let namespace = cluster.namespace().await;
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client(), namespace.name());
    let created = maps.create(&PostParams::default(), &config_map("a", "1")).await.unwrap();
    let replaced = maps.replace("a", &PostParams::default(), &created).await.unwrap();
    assert_eq!(version(&replaced.metadata), version(&created.metadata));
    let patch = Patch::Merge(json!({ "data": { "key": "1" } }));
    let patched = maps.patch("a", &PatchParams::default(), &patch).await.unwrap();
    assert_eq!(version(&patched.metadata), version(&created.metadata));
}

pub(crate) async fn finalizers_delay_deletion(cluster: &TestCluster) {
    let namespace = cluster.namespace().await;
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client(), namespace.name());
    let mut wanted = config_map("a", "1");
    wanted.metadata.finalizers = Some(vec!["example.com/wait".to_owned()]);
    maps.create(&PostParams::default(), &wanted).await.unwrap();
    let marked = maps.delete("a", &DeleteParams::default()).await.unwrap().left().unwrap();
    assert!(marked.metadata.deletion_timestamp.is_some());
    assert!(maps.get("a").await.unwrap().metadata.deletion_timestamp.is_some());
    let patch = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
    maps.patch("a", &PatchParams::default(), &patch).await.unwrap();
    assert!(maps.get_opt("a").await.unwrap().is_none());
}

pub(crate) async fn preconditions_of_a_deletion(cluster: &TestCluster) {
    let namespace = cluster.namespace().await;
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client(), namespace.name());
    let created = maps.create(&PostParams::default(), &config_map("a", "1")).await.unwrap();
    let only = |uid: Option<&str>, version: Option<&str>| {
        let preconditions =
            Preconditions { uid: uid.map(str::to_owned), resource_version: version.map(str::to_owned) };
        DeleteParams::default().preconditions(preconditions)
    };
    refused(maps.delete("a", &only(Some("other"), None)).await, 409, "Conflict");
    refused(maps.delete("a", &only(None, Some("1"))).await, 409, "Conflict");
    let right = only(created.metadata.uid.as_deref(), created.metadata.resource_version.as_deref());
    maps.delete("a", &right).await.unwrap();
}

pub(crate) async fn secrets_and_immutable_ones(cluster: &TestCluster) {
    let namespace = cluster.namespace().await;
    let secrets: Api<Secret> = Api::namespaced(cluster.client(), namespace.name());
    let wanted = object(json!({ "metadata": { "name": "a" }, "stringData": { "key": "value" } }));
    let mut created = secrets.create(&PostParams::default(), &wanted).await.unwrap();
    assert_eq!(created.data.as_ref().unwrap()["key"].0, b"value");
    assert!(created.string_data.is_none());
    assert_eq!(created.type_.as_deref(), Some("Opaque"));

    created.immutable = Some(true);
    let mut fixed = secrets.replace("a", &PostParams::default(), &created).await.unwrap();
    fixed.data = None;
    let why = refused(secrets.replace("a", &PostParams::default(), &fixed).await, 422, "Invalid");
    assert_eq!(why, "Secret \"a\" is invalid: data: Forbidden: field is immutable when `immutable` is set");
}

pub(crate) async fn dry_run_changes_nothing(cluster: &TestCluster) {
    let namespace = cluster.namespace().await;
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client(), namespace.name());
    let parameters = PostParams { dry_run: true, ..PostParams::default() };
    maps.create(&parameters, &config_map("a", "1")).await.unwrap();
    assert!(maps.get_opt("a").await.unwrap().is_none());
}
