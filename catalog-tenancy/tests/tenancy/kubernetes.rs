//! The directory that follows a cluster.

use std::time::Duration;

use catalog_core::{
    directory::{NamespaceDirectory, Peeked, Phase},
    name::Namespace,
    testing::scope,
};
use catalog_tenancy::directory::{DISPLAY_NAME, KubernetesDirectory, SUSPENDED};
use catalog_testkit_kubernetes::{
    TestCluster,
    fake::{Effect, On},
};
use k8s_openapi::api::core::v1 as core;
use kube::{
    Api, Client,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::json;

/// Waits until the directory says so of the tenant.
async fn until(
    directory: &KubernetesDirectory,
    name: &Namespace,
    wanted: impl Fn(&Peeked) -> bool,
) -> Peeked {
    let waiting = async {
        loop {
            let peeked = directory.peek(name);
            if wanted(&peeked) {
                return peeked;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(2), waiting).await.unwrap()
}

fn phase(peeked: &Peeked) -> Option<Phase> {
    match peeked {
        Peeked::Found(record) => Some(record.phase),
        Peeked::Absent | Peeked::Unsure => None,
    }
}

async fn follow(client: &Client, selector: &str) -> KubernetesDirectory {
    let directory = KubernetesDirectory::namespaces(client.clone(), Some(selector));
    assert!(directory.find(&"team-a".parse().unwrap()).await.is_err(), "unread is no answer");
    tokio::spawn({
        let directory = directory.clone();
        async move { directory.run().await }
    });
    directory
}

#[tokio::test]
async fn namespaces_of_a_cluster_are_followed() {
    let cluster = TestCluster::start().await;
    let namespace = cluster.namespace().await;
    let name: Namespace = namespace.name().parse().unwrap();
    let client = cluster.client();
    // of this test alone, where the cluster is everybody's
    let selector = format!("catalog.kubeflow.org/tenant={name}");
    let directory = follow(&client, &selector).await;
    assert_eq!(until(&directory, &name, |peeked| *peeked != Peeked::Unsure).await, Peeked::Absent);

    let api: Api<core::Namespace> = Api::all(client.clone());
    let patch = async |metadata: serde_json::Value| {
        let patch = Patch::Merge(json!({"metadata": metadata}));
        api.patch(namespace.name(), &PatchParams::default(), &patch).await.unwrap();
    };
    patch(json!({"labels": {"catalog.kubeflow.org/tenant": namespace.name()}})).await;
    until(&directory, &name, |peeked| phase(peeked) == Some(Phase::Active)).await;
    patch(json!({"labels": {SUSPENDED: "true"}, "annotations": {DISPLAY_NAME: "Team A"}})).await;
    let Peeked::Found(record) =
        until(&directory, &name, |peeked| phase(peeked) == Some(Phase::Suspended)).await
    else {
        panic!()
    };
    assert_eq!(record.display_name.as_deref(), Some("Team A"));
    let listed = directory.list(&scope("*").await, None, 10).await.unwrap();
    assert_eq!(listed.iter().map(|record| &record.name).collect::<Vec<_>>(), [&name]);
    patch(json!({"labels": {"catalog.kubeflow.org/tenant": null}})).await;
    until(&directory, &name, |peeked| *peeked == Peeked::Absent).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_told_last_holds_while_the_cluster_does_not_answer() {
    let cluster = TestCluster::fake();
    let fake = cluster.as_fake().unwrap();
    let api: Api<core::Namespace> = Api::all(cluster.client());
    let make = async |name: &str| {
        let namespace =
            serde_json::from_value(json!({"metadata": {"name": name, "labels": {"tenant": "yes"}}}));
        api.create(&PostParams::default(), &namespace.unwrap()).await.unwrap();
    };
    make("team-a").await;
    let (a, b): (Namespace, Namespace) = ("team-a".parse().unwrap(), "team-b".parse().unwrap());
    let directory = follow(&cluster.client(), "tenant=yes").await;
    until(&directory, &a, |peeked| phase(peeked) == Some(Phase::Active)).await;
    fake.inject(On::verb("watch").resource("namespaces").first(2), Effect::status(503));
    fake.break_watches(&On::any().resource("namespaces"));
    make("team-b").await;
    assert_eq!(phase(&directory.peek(&a)), Some(Phase::Active));
    fake.compact();
    until(&directory, &b, |peeked| phase(peeked) == Some(Phase::Active)).await;
    api.delete("team-a", &DeleteParams::default()).await.unwrap();
    until(&directory, &a, |peeked| *peeked == Peeked::Absent || phase(peeked) == Some(Phase::Terminating))
        .await;
    let found = directory.find(&b).await.unwrap();
    assert!(found.is_some());
}
