//! Leases of a cluster: the contract against whichever there is, and what goes wrong against the fake.

use std::time::Duration;

use catalog_ha::{
    elector::{Elector, ElectorConfig, LeaderGuard},
    fence::MemoryFenceStore,
    lease::{KubernetesLeaseStore, LeaseName, LeaseStore},
    testing,
};
use catalog_testkit_kubernetes::{
    TestCluster, TestNamespace,
    fake::{Effect, On},
};
use k8s_openapi::api::coordination::v1::Lease;
use kube::{
    Api, Client,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::json;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::fixture::Terms;

const LEASE: Duration = Duration::from_secs(15);
const RETRY: Duration = Duration::from_secs(2);
const TRUSTED: Duration = Duration::from_millis(13_500);

fn name() -> LeaseName {
    "test".parse().unwrap()
}

#[tokio::test]
async fn the_contract_holds() {
    let cluster = TestCluster::start().await;
    let namespace = cluster.namespace().await;
    let store = KubernetesLeaseStore::new(cluster.client(), namespace.name());
    testing::a_lease_is_written_by_its_version(&store, &name()).await;
    testing::one_of_many_gets_a_lease(&store, &"other".parse().unwrap()).await;

    // another store knows nothing of what this one has read
    let other = KubernetesLeaseStore::new(cluster.client(), namespace.name());
    let stands = other.read(&name()).await.unwrap().unwrap();
    assert_eq!(stands.holder.as_deref(), Some("b"));
    let api: Api<Lease> = Api::namespaced(cluster.client(), namespace.name());
    let spec = api.get("test").await.unwrap().spec.unwrap();
    // once more than it was made; a release is none
    assert_eq!((spec.lease_transitions, spec.lease_duration_seconds), (Some(1), Some(15)));

    // what others put there stays, and is no sign of life
    let patch = Patch::Merge(json!({"metadata": {"labels": {"by": "hand"}}}));
    api.patch("test", &PatchParams::default(), &patch).await.unwrap();
    let labelled = other.read(&name()).await.unwrap().unwrap();
    assert_ne!(labelled.version, stands.version);
    assert_eq!(labelled.heartbeat, stands.heartbeat);
    other.release(&name(), "b", &labelled.version).await.unwrap();
    let released = api.get("test").await.unwrap();
    assert_eq!(released.metadata.labels.unwrap()["by"], "hand");
    let spec = released.spec.unwrap();
    assert_eq!((spec.holder_identity.as_deref(), spec.lease_duration_seconds), (Some(""), Some(1)));
}

#[tokio::test]
async fn who_leaves_is_followed_at_once_by_who_watches() {
    let cluster = TestCluster::start().await;
    let namespace = cluster.namespace().await;
    let terms = Terms::default();
    let fences = MemoryFenceStore::new();
    let a = Candidate::new("a", cluster.client(), &namespace, &fences, &terms);
    terms.nth(1).await;
    let _b = Candidate::new("b", cluster.client(), &namespace, &fences, &terms);
    // until the other one has looked, and watches
    let mut status = a.elector_status.clone();
    status.wait_for(|status| status.token.is_some()).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    let told = Instant::now();
    a.stop.cancel();
    let next = terms.nth(2).await;
    assert!(next.began - told < Duration::from_secs(1), "{:?}", next.began - told);
    assert_eq!((next.who.as_str(), next.token.number), ("b", 2));
}

struct Candidate {
    stop: CancellationToken,
    elector_status: tokio::sync::watch::Receiver<catalog_ha::elector::ElectorStatus>,
    running: tokio::task::JoinHandle<()>,
}

impl Drop for Candidate {
    fn drop(&mut self) {
        self.running.abort();
    }
}

impl Candidate {
    fn new(
        who: &str,
        client: Client,
        namespace: &TestNamespace,
        fences: &MemoryFenceStore,
        terms: &Terms,
    ) -> Self {
        let store = KubernetesLeaseStore::new(client, namespace.name());
        let elector = Elector::new(name(), store, fences.clone(), who, ElectorConfig::default()).unwrap();
        let (stop, elector_status) = (CancellationToken::new(), elector.status());
        let running = tokio::spawn({
            let (stop, terms, who) = (stop.clone(), terms.clone(), who.to_owned());
            async move {
                let work = |guard: LeaderGuard| {
                    terms.begin(&who, &guard);
                    async move {
                        guard.cancelled().await;
                        Ok(())
                    }
                };
                elector.run(&stop, work).await.unwrap();
            }
        });
        Self { stop, elector_status, running }
    }
}

/// Two candidates of the fake, each with a client of its own user, so that faults can be told apart by what they ask for.
struct Fake {
    cluster: TestCluster,
    namespace: TestNamespace,
    fences: MemoryFenceStore,
    terms: Terms,
}

impl Fake {
    async fn new() -> Self {
        let cluster = TestCluster::fake();
        let namespace = cluster.namespace().await;
        Self { cluster, namespace, fences: MemoryFenceStore::new(), terms: Terms::default() }
    }

    fn candidate(&self, who: &str) -> Candidate {
        Candidate::new(who, self.cluster.client(), &self.namespace, &self.fences, &self.terms)
    }

    fn inject(&self, on: On, effect: Effect) {
        self.cluster.as_fake().unwrap().inject(on.resource("leases"), effect);
    }

    fn api(&self) -> Api<Lease> {
        Api::namespaced(self.cluster.client(), self.namespace.name())
    }

    async fn patch(&self, spec: serde_json::Value) {
        let patch = Patch::Merge(json!({ "spec": spec }));
        self.api().patch("test", &PatchParams::default(), &patch).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_renewal_whose_answer_was_lost_is_found_and_the_term_goes_on() {
    let fake = Fake::new().await;
    let a = fake.candidate("a");
    let term = fake.terms.nth(1).await;
    fake.inject(On::verb("update").first(2), Effect::LoseAnswer);
    sleep(LEASE * 2).await;
    assert!(term.guard.is_leading());
    assert_eq!(a.elector_status.borrow().problem, None);
}

#[tokio::test(start_paused = true)]
async fn a_foreign_holder_ends_the_term_at_once_by_the_watch() {
    let fake = Fake::new().await;
    let _a = fake.candidate("a");
    let term = fake.terms.nth(1).await;
    sleep(RETRY * 3).await;
    fake.patch(json!({"holderIdentity": "other"})).await;
    let told = Instant::now();
    term.guard.cancelled().await;
    assert!(told.elapsed() < Duration::from_millis(50), "{:?}", told.elapsed());
    assert_eq!(fake.api().get("test").await.unwrap().spec.unwrap().holder_identity.as_deref(), Some("other"));
}

#[tokio::test(start_paused = true)]
async fn a_lease_removed_by_hand_ends_the_term_at_once_and_the_token_rises() {
    let fake = Fake::new().await;
    let _a = fake.candidate("a");
    let term = fake.terms.nth(1).await;
    sleep(RETRY * 3).await;
    fake.api().delete("test", &DeleteParams::default()).await.unwrap();
    let told = Instant::now();
    term.guard.cancelled().await;
    assert!(told.elapsed() < Duration::from_millis(50), "{:?}", told.elapsed());
    assert_eq!(fake.terms.nth(2).await.token.number, 2);
    let spec = fake.api().get("test").await.unwrap().spec.unwrap();
    assert_eq!(spec.lease_transitions, Some(0), "the cluster has forgotten");
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_has_too_much_to_do_is_waited_for() {
    let fake = Fake::new().await;
    let _a = fake.candidate("a");
    let term = fake.terms.nth(1).await;
    let told = Duration::from_secs(5);
    fake.inject(On::verb("update").first(1), Effect::too_many_requests(told));
    fake.inject(On::verb("update").nth(2), Effect::status(503));
    sleep(RETRY + Duration::from_millis(100)).await;
    let updates = On::verb("update").resource("leases");
    let asked = fake.cluster.as_fake().unwrap().count(&updates);
    sleep(told.mul_f64(0.9)).await;
    assert_eq!(fake.cluster.as_fake().unwrap().count(&updates), asked, "it waits as it was told");
    sleep(LEASE * 2).await;
    assert!(term.guard.is_leading());
    assert_eq!(fake.terms.all().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn without_a_renewal_the_leader_is_down_in_time_and_comes_back() {
    for effect in [
        Effect::status(500),
        Effect::status(403),
        Effect::Disconnect,
        Effect::Hang,
        Effect::HangAfterwards,
        Effect::Delay(Duration::from_secs(9)),
    ] {
        let fake = Fake::new().await;
        let a = fake.candidate("a");
        let term = fake.terms.nth(1).await;
        sleep(RETRY * 2).await;
        let cut = Instant::now();
        fake.inject(On::any(), effect.clone());
        term.guard.cancelled().await;
        assert!(cut.elapsed() <= TRUSTED, "{effect:?}: {:?}", cut.elapsed());
        sleep(RETRY * 2).await;
        assert!(a.elector_status.borrow().problem.is_some(), "{effect:?}");
        fake.cluster.as_fake().unwrap().clear_faults();
        let again = fake.terms.nth(2).await;
        assert_eq!(again.token.number, 2, "{effect:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn another_libraries_hold_is_respected_and_times_in_the_lease_mean_nothing() {
    let fake = Fake::new().await;
    // a holder whose clock is an hour behind, by a library that renews every two seconds
    let held = json!({
        "metadata": {"name": "test"},
        "spec": {
            "holderIdentity": "go_1", "leaseDurationSeconds": 15, "leaseTransitions": 7,
            "acquireTime": "2020-01-01T00:00:00.000000Z", "renewTime": "2020-01-01T00:00:00.000000Z",
        },
    });
    fake.api().create(&PostParams::default(), &serde_json::from_value(held).unwrap()).await.unwrap();
    let _a = fake.candidate("a");
    for second in 0..30 {
        sleep(RETRY).await;
        fake.patch(json!({"renewTime": format!("2020-01-01T00:00:{second:02}.000000Z")})).await;
    }
    assert!(fake.terms.all().is_empty(), "it lives");
    let died = Instant::now();
    let term = fake.terms.nth(1).await;
    let took = term.began - died;
    // the news of the last renewal takes a moment
    let most = LEASE + RETRY.mul_f64(1.2) + Duration::from_millis(200);
    assert!(took + RETRY >= LEASE && took <= most, "{took:?}");
    let spec = fake.api().get("test").await.unwrap().spec.unwrap();
    assert_eq!(spec.lease_transitions, Some(8));
}
