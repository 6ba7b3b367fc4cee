//! Lists: pages and selectors.

use catalog_testkit_kubernetes::TestCluster;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{DeleteParams, ListParams, PostParams};

use crate::support::{config_map, refused};

async fn filled(cluster: &TestCluster, namespace: &str) -> Api<ConfigMap> {
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client(), namespace);
    for (name, value) in [("a", "1"), ("b", "2"), ("c", "1"), ("d", "2"), ("e", "3")] {
        maps.create(&PostParams::default(), &config_map(name, value)).await.unwrap();
    }
    maps
}

/// Real clusters put one of their own into every namespace.
fn names(maps: Vec<ConfigMap>) -> Vec<String> {
    maps.into_iter().filter_map(|map| map.metadata.name).filter(|name| name.len() == 1).collect()
}

pub(crate) async fn pages_cover_everything_once(cluster: &TestCluster) {
    let namespace = cluster.namespace().await;
    let maps = filled(cluster, namespace.name()).await;
    let whole = names(maps.list(&ListParams::default()).await.unwrap().items);
    assert_eq!(whole, ["a", "b", "c", "d", "e"]);

    let mut paged = Vec::new();
    let mut parameters = ListParams::default().limit(2);
    loop {
        let page = maps.list(&parameters).await.unwrap();
        assert!(page.items.len() <= 2);
        paged.extend(page.items);
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => parameters = ListParams::default().limit(2).continue_token(&token),
            None => break,
        }
    }
    assert_eq!(names(paged), whole);

    let broken = ListParams::default().continue_token("broken");
    refused(maps.list(&broken).await, 400, "BadRequest");
}

pub(crate) async fn pages_show_one_moment(cluster: &TestCluster) {
    let namespace = cluster.namespace().await;
    let maps = filled(cluster, namespace.name()).await;
    let first = maps.list(&ListParams::default().limit(2)).await.unwrap();
    assert!(first.metadata.remaining_item_count >= Some(3), "{:?}", first.metadata);
    maps.delete("c", &DeleteParams::default()).await.unwrap();
    maps.create(&PostParams::default(), &config_map("f", "1")).await.unwrap();
    let token = first.metadata.continue_.unwrap();
    let rest = maps.list(&ListParams::default().continue_token(&token)).await.unwrap();
    assert_eq!(rest.metadata.resource_version, first.metadata.resource_version);
    assert_eq!(names(rest.items), ["c", "d", "e"]);
}

pub(crate) async fn selectors(cluster: &TestCluster) {
    let namespace = cluster.namespace().await;
    let maps = filled(cluster, namespace.name()).await;
    for (labels, fields, expected) in [
        ("value=1", "", "a c"),
        ("value!=1", "", "b d e"),
        ("value in (1, 3)", "", "a c e"),
        ("value notin (1),value", "", "b d e"),
        ("!value", "", ""),
        ("", "metadata.name=b", "b"),
        ("", "metadata.name!=b,metadata.name!=c", "a d e"),
        ("value=2", "metadata.name=a", ""),
    ] {
        let parameters = ListParams::default().labels(labels).fields(fields);
        let found = names(maps.list(&parameters).await.unwrap().items);
        assert_eq!(found.join(" "), expected, "{labels} {fields}");
    }
    refused(maps.list(&ListParams::default().labels("a in b")).await, 400, "BadRequest");
    let why = refused(maps.list(&ListParams::default().fields("data.key=1")).await, 400, "BadRequest");
    assert_eq!(
        why,
        "\"data.key\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
    );
}

pub(crate) async fn deletion_by_selector(cluster: &TestCluster) {
    let namespace = cluster.namespace().await;
    let maps = filled(cluster, namespace.name()).await;
    let picked = ListParams::default().labels("value=1");
    maps.delete_collection(&DeleteParams::default(), &picked).await.unwrap();
    assert_eq!(names(maps.list(&ListParams::default()).await.unwrap().items), ["b", "d", "e"]);
}
