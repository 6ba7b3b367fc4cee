//! What leaders are elected with.

use catalog_testkit_kubernetes::TestCluster;
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use serde_json::json;

use crate::support::{object, refused, version};

fn held_by(holder: &str) -> Lease {
    object(json!({
        "metadata": { "name": "leader" },
        "spec": {
            "holderIdentity": holder, "leaseDurationSeconds": 15, "leaseTransitions": 0,
            "acquireTime": "2026-01-01T00:00:00.000000Z", "renewTime": "2026-01-01T00:00:00.123456Z",
        },
    }))
}

pub(crate) async fn compare_and_swap(cluster: &TestCluster) {
    let namespace = cluster.namespace().await;
    let leases: Api<Lease> = Api::namespaced(cluster.client(), namespace.name());
    let parameters = PostParams::default();
    let created = leases.create(&parameters, &held_by("a")).await.unwrap();
    assert_eq!(created.spec, held_by("a").spec);

    // Two take it at once, from the same version.
    let take = |holder: &str| Lease { spec: held_by(holder).spec, ..created.clone() };
    let (b, c) = (take("b"), take("c"));
    let (b, c) =
        tokio::join!(leases.replace("leader", &parameters, &b), leases.replace("leader", &parameters, &c));
    let (won, lost) = if b.is_ok() { (b, c) } else { (c, b) };
    refused(lost, 409, "Conflict");
    assert_eq!(leases.get("leader").await.unwrap(), won.unwrap());
}

pub(crate) async fn replacement_of_a_deleted_one(cluster: &TestCluster) {
    let namespace = cluster.namespace().await;
    let leases: Api<Lease> = Api::namespaced(cluster.client(), namespace.name());
    let parameters = PostParams::default();
    let created = leases.create(&parameters, &held_by("a")).await.unwrap();
    leases.delete("leader", &DeleteParams::default()).await.unwrap();

    // It knows its uid, so it replaces nothing that is not there.
    let why = refused(leases.replace("leader", &parameters, &created).await, 409, "Conflict");
    assert!(why.contains("Precondition failed: UID in precondition"), "{why}");

    // Without a uid it is created anew, whatever version it knows.
    let mut nameless = created.clone();
    nameless.metadata.uid = None;
    let again = leases.replace("leader", &parameters, &nameless).await.unwrap();
    assert_ne!(again.metadata.uid, created.metadata.uid);
    assert_ne!(version(&again.metadata), version(&created.metadata));
}

pub(crate) async fn refusals(cluster: &TestCluster) {
    let namespace = cluster.namespace().await;
    let leases: Api<Lease> = Api::namespaced(cluster.client(), namespace.name());
    let parameters = PostParams::default();
    let mut short = held_by("a");
    short.spec.as_mut().unwrap().lease_duration_seconds = Some(0);
    let why = refused(leases.create(&parameters, &short).await, 422, "Invalid");
    assert_eq!(
        why,
        "Lease.coordination.k8s.io \"leader\" is invalid: spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0"
    );

    let created = leases.create(&parameters, &held_by("a")).await.unwrap();
    let why = refused(leases.replace("leader", &parameters, &held_by("b")).await, 422, "Invalid");
    assert!(why.ends_with("must be specified for an update"), "{why}");
    let why = refused(leases.create(&parameters, &created).await, 500, "");
    assert_eq!(why, "resourceVersion should not be set on objects to be created");
}
