//! Watches: what they tell, and in which order.

use std::pin::pin;
use std::time::Duration;

use catalog_testkit_kubernetes::TestCluster;
use futures_util::{Stream, StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use serde_json::json;
use tokio::time::timeout;

use crate::support::{config_map, version};

/// An event in short: what happened to which object, and its value.
fn short(event: WatchEvent<ConfigMap>) -> String {
    let (kind, map) = match event {
        WatchEvent::Added(map) => ("added", map),
        WatchEvent::Modified(map) => ("modified", map),
        WatchEvent::Deleted(map) => ("deleted", map),
        other => return format!("{other:?}"),
    };
    let value = map.data.as_ref().map(|data| data["key"].clone()).unwrap_or_default();
    format!("{kind} {} {value}", map.metadata.name.unwrap_or_default())
}

/// The next event that is about an object of ours.
async fn next(
    events: &mut (impl Stream<Item = Result<WatchEvent<ConfigMap>, kube::Error>> + Unpin),
) -> Option<String> {
    loop {
        let event = timeout(Duration::from_secs(20), events.try_next()).await.expect("no event").unwrap();
        match event.map(short) {
            Some(event) if event.contains("kube-root-ca.crt") || event.starts_with("Bookmark") => {}
            event => return event,
        }
    }
}

async fn now(maps: &Api<ConfigMap>) -> String {
    maps.list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap()
}

pub(crate) async fn changes_come_in_order(cluster: &TestCluster) {
    let namespace = cluster.namespace().await;
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client(), namespace.name());
    let start = now(&maps).await;
    let created = maps.create(&PostParams::default(), &config_map("a", "1")).await.unwrap();
    let mut events = pin!(maps.watch(&WatchParams::default(), &start).await.unwrap().boxed());
    assert_eq!(next(&mut events).await.unwrap(), "added a 1");

    let other = cluster.namespace().await;
    let elsewhere: Api<ConfigMap> = Api::namespaced(cluster.client(), other.name());
    elsewhere.create(&PostParams::default(), &config_map("x", "1")).await.unwrap();
    for value in ["2", "3"] {
        let patch = Patch::Merge(json!({ "data": { "key": value } }));
        maps.patch("a", &PatchParams::default(), &patch).await.unwrap();
    }
    maps.delete("a", &DeleteParams::default()).await.unwrap();
    maps.create(&PostParams::default(), &config_map("b", "1")).await.unwrap();
    for expected in ["modified a 2", "modified a 3", "deleted a 3", "added b 1"] {
        assert_eq!(next(&mut events).await.unwrap(), expected);
    }

    // A second one starts behind the creation.
    let since = version(&created.metadata);
    let mut events = pin!(maps.watch(&WatchParams::default(), &since).await.unwrap().boxed());
    assert_eq!(next(&mut events).await.unwrap(), "modified a 2");
}

pub(crate) async fn start_without_version_tells_what_is_there(cluster: &TestCluster) {
    let namespace = cluster.namespace().await;
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client(), namespace.name());
    maps.create(&PostParams::default(), &config_map("a", "1")).await.unwrap();
    let mut events = pin!(maps.watch(&WatchParams::default(), "").await.unwrap().boxed());
    assert_eq!(next(&mut events).await.unwrap(), "added a 1");
    maps.create(&PostParams::default(), &config_map("b", "1")).await.unwrap();
    assert_eq!(next(&mut events).await.unwrap(), "added b 1");
}

pub(crate) async fn selectors_make_objects_come_and_go(cluster: &TestCluster) {
    let namespace = cluster.namespace().await;
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client(), namespace.name());
    let start = now(&maps).await;
    let parameters = WatchParams::default().labels("value=1");
    let mut events = pin!(maps.watch(&parameters, &start).await.unwrap().boxed());
    maps.create(&PostParams::default(), &config_map("a", "1")).await.unwrap();
    maps.create(&PostParams::default(), &config_map("b", "2")).await.unwrap();
    for (name, value) in [("a", "2"), ("b", "1"), ("a", "3")] {
        let patch = json!({ "metadata": { "labels": { "value": value } }, "data": { "key": value } });
        maps.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    }
    maps.delete("b", &DeleteParams::default()).await.unwrap();
    for expected in ["added a 1", "deleted a 1", "added b 1", "deleted b 1"] {
        assert_eq!(next(&mut events).await.unwrap(), expected);
    }
}

pub(crate) async fn one_object(cluster: &TestCluster) {
    let namespace = cluster.namespace().await;
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client(), namespace.name());
    let start = now(&maps).await;
    let parameters = WatchParams::default().fields("metadata.name=b");
    let mut events = pin!(maps.watch(&parameters, &start).await.unwrap().boxed());
    for name in ["a", "b"] {
        maps.create(&PostParams::default(), &config_map(name, "1")).await.unwrap();
    }
    assert_eq!(next(&mut events).await.unwrap(), "added b 1");
}

pub(crate) async fn time_runs_out(cluster: &TestCluster) {
    let namespace = cluster.namespace().await;
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client(), namespace.name());
    let start = now(&maps).await;
    let parameters = WatchParams::default().timeout(1);
    let mut events = pin!(maps.watch(&parameters, &start).await.unwrap().boxed());
    assert_eq!(next(&mut events).await, None);
}

pub(crate) async fn deletion_has_a_version_of_its_own(cluster: &TestCluster) {
    let namespace = cluster.namespace().await;
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client(), namespace.name());
    let created = maps.create(&PostParams::default(), &config_map("a", "1")).await.unwrap();
    let since = version(&created.metadata);
    maps.delete("a", &DeleteParams::default()).await.unwrap();
    let mut events = pin!(maps.watch(&WatchParams::default(), &since).await.unwrap().boxed());
    let event = timeout(Duration::from_secs(20), events.try_next()).await.unwrap().unwrap();
    let Some(WatchEvent::Deleted(map)) = event else { panic!("{event:?}") };
    assert_ne!(version(&map.metadata), since);
}

pub(crate) async fn deleted_namespace_is_marked(cluster: &TestCluster) {
    let namespace = cluster.namespace().await;
    let namespaces: Api<Namespace> = Api::all(cluster.client());
    let found = namespaces.get(namespace.name()).await.unwrap();
    assert_eq!(found.status.unwrap().phase.as_deref(), Some("Active"));
    assert_eq!(found.spec.unwrap().finalizers.unwrap(), ["kubernetes"]);
    let deleted = namespaces.delete(namespace.name(), &DeleteParams::default()).await.unwrap();
    let deleted = deleted.left().expect("a namespace");
    assert!(deleted.metadata.deletion_timestamp.is_some());
    assert_eq!(deleted.status.unwrap().phase.as_deref(), Some("Terminating"));
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client(), namespace.name());
    let refused = maps.create(&PostParams::default(), &config_map("a", "1")).await.unwrap_err();
    // Gone already, or no place for anything new.
    assert!(matches!(&refused, kube::Error::Api(status) if [403, 404].contains(&status.code)), "{refused:?}");
}
