//! What only the fake does: go wrong when told to, and tell what it was asked.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::pin::pin;
use std::time::Duration;

use catalog_testkit_kubernetes::TestCluster;
use catalog_testkit_kubernetes::fake::{Effect, Fake, On, TokenUser};
use futures_util::{StreamExt, TryStreamExt};
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewStatus};
use k8s_openapi::api::authorization::v1::{SubjectAccessReview, SubjectAccessReviewStatus};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use kube::api::{DeleteParams, ListParams, PostParams, WatchEvent, WatchParams};
use kube::client::Body;
use kube::{Api, Client};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

const PATIENCE: Duration = Duration::from_secs(5);

fn object<T: DeserializeOwned>(json: Value) -> T {
    serde_json::from_value(json).unwrap()
}

fn lease(holder: &str) -> Lease {
    object(json!({ "metadata": { "name": "leader" }, "spec": { "holderIdentity": holder } }))
}

fn leases(fake: &Fake) -> Api<Lease> {
    Api::namespaced(fake.client(), "default")
}

fn config_maps(client: Client) -> Api<ConfigMap> {
    Api::namespaced(client, "default")
}

fn config_map(name: &str) -> ConfigMap {
    object(json!({ "metadata": { "name": name } }))
}

fn holder(lease: Lease) -> String {
    lease.spec.unwrap().holder_identity.unwrap()
}

/// The code of a refusal.
#[track_caller]
fn code<T: std::fmt::Debug>(result: Result<T, kube::Error>) -> u16 {
    match result {
        Err(kube::Error::Api(status)) => status.code,
        other => panic!("no refusal: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn refusals_come_by_number() {
    let fake = Fake::new();
    let maps = config_maps(fake.client());
    fake.inject(On::verb("list").resource("configmaps").nth(2), Effect::status(503));
    fake.inject(On::verb("list").resource("configmaps").nth(3), Effect::status(401));
    let parameters = ListParams::default();
    maps.list(&parameters).await.unwrap();
    assert_eq!(code(maps.list(&parameters).await), 503);
    assert_eq!(code(maps.list(&parameters).await), 401);
    maps.list(&parameters).await.unwrap();

    fake.inject(On::any().namespace("default").name("x"), Effect::status(409));
    assert_eq!(code(maps.get("x").await), 409);
    assert_eq!(code(maps.get("y").await), 404);
    fake.clear_faults();
    assert_eq!(code(maps.get("x").await), 404);
}

#[tokio::test(start_paused = true)]
async fn too_many_requests_says_when_to_come_back() {
    let fake = Fake::new();
    fake.inject(On::any().first(1), Effect::too_many_requests(Duration::from_secs(7)));
    let request = http::Request::get("/version").body(Body::empty()).unwrap();
    let answer = fake.client().send(request).await.unwrap();
    assert_eq!(answer.status(), 429);
    assert_eq!(answer.headers()["retry-after"], "7");
    fake.client().apiserver_version().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn delay_takes_its_time() {
    let fake = Fake::new();
    fake.inject(On::any(), Effect::Delay(Duration::from_mins(10)));
    let start = Instant::now();
    fake.client().apiserver_version().await.unwrap();
    assert_eq!(start.elapsed().as_secs(), 600);
}

#[tokio::test(start_paused = true)]
async fn hanging_request_does_nothing() {
    let fake = Fake::new();
    fake.inject(On::verb("create").first(1), Effect::Hang);
    let leases = leases(&fake);
    assert!(timeout(PATIENCE, leases.create(&PostParams::default(), &lease("a"))).await.is_err());
    assert!(leases.get_opt("leader").await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn broken_connection_before_or_after_the_write() {
    let fake = Fake::new();
    let leases = leases(&fake);
    let parameters = PostParams::default();
    let mut wanted = leases.create(&parameters, &lease("a")).await.unwrap();
    fake.inject(On::verb("update").nth(1), Effect::Disconnect);
    fake.inject(On::verb("update").nth(2), Effect::LoseAnswer);

    wanted.spec = lease("b").spec;
    leases.replace("leader", &parameters, &wanted).await.unwrap_err();
    assert_eq!(holder(leases.get("leader").await.unwrap()), "a");
    leases.replace("leader", &parameters, &wanted).await.unwrap_err();
    assert_eq!(holder(leases.get("leader").await.unwrap()), "b");
    // Who tries again with what it knows meets its own write.
    assert_eq!(code(leases.replace("leader", &parameters, &wanted).await), 409);
}

#[tokio::test(start_paused = true)]
async fn write_that_is_never_answered_is_done() {
    let fake = Fake::new();
    fake.inject(On::verb("create"), Effect::HangAfterwards);
    let leases = leases(&fake);
    assert!(timeout(PATIENCE, leases.create(&PostParams::default(), &lease("a"))).await.is_err());
    assert_eq!(holder(leases.get("leader").await.unwrap()), "a");
}

#[tokio::test(start_paused = true)]
async fn compacted_history_is_gone() {
    let fake = Fake::new();
    let maps = config_maps(fake.client());
    for name in ["a", "b", "c"] {
        maps.create(&PostParams::default(), &config_map(name)).await.unwrap();
    }
    let page = maps.list(&ListParams::default().limit(1)).await.unwrap().metadata;
    let version = page.resource_version.unwrap();
    let mut open = pin!(maps.watch(&WatchParams::default(), &version).await.unwrap());
    fake.compact();

    let events: Vec<_> =
        maps.watch(&WatchParams::default(), &version).await.unwrap().try_collect().await.unwrap();
    let [WatchEvent::Error(status)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((status.code, status.reason.as_str()), (410, "Expired"));

    let next = ListParams::default().continue_token(&page.continue_.unwrap());
    let Err(kube::Error::Api(status)) = maps.list(&next).await else { panic!("still there") };
    assert_eq!((status.code, status.reason.as_str()), (410, "Expired"));
    let inconsistent = status.metadata.unwrap().continue_.unwrap();
    let rest = maps.list(&ListParams::default().continue_token(&inconsistent)).await.unwrap();
    assert_eq!(rest.items.len(), 2);

    // What goes on, goes on; and a new list is a new start.
    maps.create(&PostParams::default(), &config_map("d")).await.unwrap();
    assert!(matches!(open.try_next().await.unwrap(), Some(WatchEvent::Added(_))));
    let version = maps.list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap();
    let mut again = pin!(maps.watch(&WatchParams::default(), &version).await.unwrap());
    maps.delete("d", &DeleteParams::default()).await.unwrap();
    assert!(matches!(again.try_next().await.unwrap(), Some(WatchEvent::Deleted(_))));

    fake.inject(On::verb("watch"), Effect::status(410));
    assert_eq!(code(maps.watch(&WatchParams::default(), &version).await.map(|_| ())), 410);
}

#[tokio::test(start_paused = true)]
async fn watches_are_cut() {
    let fake = Fake::new();
    let maps = config_maps(fake.client());
    let of_maps = On::verb("watch").resource("configmaps");
    let mut ended = maps.watch(&WatchParams::default(), "1").await.unwrap().boxed();
    assert_eq!(fake.open_watches(&of_maps), 1);
    fake.end_watches(&On::any().resource("secrets"));
    assert_eq!(fake.open_watches(&of_maps), 1);
    fake.end_watches(&of_maps);
    assert!(ended.try_next().await.unwrap().is_none());
    assert_eq!(fake.open_watches(&of_maps), 0);

    let mut broken = maps.watch(&WatchParams::default(), "1").await.unwrap().boxed();
    fake.break_watches(&of_maps);
    assert!(broken.try_next().await.is_err());

    drop(maps.watch(&WatchParams::default(), "1").await.unwrap());
    assert_eq!(fake.open_watches(&of_maps), 0);
}

#[tokio::test(start_paused = true)]
async fn quiet_watch_sends_bookmarks() {
    let fake = Fake::new();
    let maps = config_maps(fake.client());
    let start = Instant::now();
    let events = maps.watch(&WatchParams::default().timeout(150), "1").await.unwrap();
    let events: Vec<_> = events.try_collect().await.unwrap();
    assert_eq!(start.elapsed().as_secs(), 150);
    assert!(events.len() == 3 && events.iter().all(|event| matches!(event, WatchEvent::Bookmark(_))));

    let without = WatchParams::default().timeout(150).disable_bookmarks();
    let events: Vec<_> = maps.watch(&without, "1").await.unwrap().try_collect().await.unwrap();
    assert!(events.is_empty());
}

#[tokio::test]
async fn streaming_lists_are_refused() {
    let maps = config_maps(Fake::new().client());
    let watch = maps.watch(&WatchParams::default().initial_events(), "").await;
    assert_eq!(code(watch.map(|_| ())), 422);
}

async fn may(fake: &Fake, groups: Value) -> SubjectAccessReviewStatus {
    let reviews: Api<SubjectAccessReview> = Api::all(fake.client());
    let attributes = json!({ "resource": "configmaps", "verb": "get" });
    let spec = json!({ "user": "zoe", "groups": groups, "resourceAttributes": attributes });
    let review = object(json!({ "metadata": {}, "spec": spec }));
    reviews.create(&PostParams::default(), &review).await.unwrap().status.unwrap()
}

#[tokio::test]
async fn reviews_deny_and_fail() {
    let fake = Fake::new();
    let masters = json!(["system:masters"]);
    fake.inject(
        On::verb("create").resource("subjectaccessreviews").nth(1),
        Effect::Deny { reason: "no".to_owned() },
    );
    fake.inject(
        On::verb("create").resource("subjectaccessreviews").nth(2),
        Effect::EvaluationError { message: "webhook timed out".to_owned() },
    );
    let denied = may(&fake, masters.clone()).await;
    assert_eq!((denied.allowed, denied.denied, denied.reason.as_deref()), (false, Some(true), Some("no")));
    let failed = may(&fake, masters.clone()).await;
    assert_eq!((failed.allowed, failed.denied), (false, None));
    assert_eq!(failed.evaluation_error.as_deref(), Some("webhook timed out"));
    assert!(may(&fake, masters).await.allowed);
}

async fn whose(fake: &Fake, spec: Value) -> TokenReviewStatus {
    let reviews: Api<TokenReview> = Api::all(fake.client());
    let review = object(json!({ "metadata": {}, "spec": spec }));
    reviews.create(&PostParams::default(), &review).await.unwrap().status.unwrap()
}

#[tokio::test]
async fn tokens_come_and_go() {
    let fake = Fake::new();
    let zoe = TokenUser::new("zoe")
        .with_uid("42")
        .with_groups(["team-a"])
        .with_extra("scopes", ["read", "write"])
        .with_audiences(["catalog"]);
    fake.register_token("secret", zoe);
    let spec = json!({ "token": "secret", "audiences": ["catalog"] });
    let user = whose(&fake, spec.clone()).await.user.unwrap();
    assert_eq!((user.username.as_deref(), user.uid.as_deref()), (Some("zoe"), Some("42")));
    assert_eq!(user.groups.unwrap(), ["team-a", "system:authenticated"]);
    assert_eq!(user.extra.unwrap()["scopes"], ["read", "write"]);
    assert_eq!(code(fake.client_as("secret").apiserver_version().await), 401);

    fake.revoke_token("secret");
    let void = whose(&fake, spec).await;
    assert_eq!((void.authenticated, void.error.as_deref()), (None, Some("invalid bearer token")));
}

#[tokio::test]
async fn requests_are_told_and_counted() {
    let fake = Fake::new();
    let maps = config_maps(fake.client());
    maps.list(&ListParams::default().limit(3)).await.unwrap();
    let _ = maps.get("a").await;
    fake.anonymous().apiserver_version().await.unwrap();
    let seen = fake.requests();
    let short: Vec<String> =
        seen.iter().map(|seen| format!("{} {} {}", seen.method, seen.path, seen.subject.verb)).collect();
    assert_eq!(
        short,
        [
            "GET /api/v1/namespaces/default/configmaps list",
            "GET /api/v1/namespaces/default/configmaps/a get",
            "GET /version get",
        ]
    );
    assert_eq!(seen.first().unwrap().query, [("limit".to_owned(), "3".to_owned())]);
    assert_eq!(fake.count(&On::any().resource("configmaps")), 2);
    assert_eq!(fake.count(&On::verb("get").namespace("default")), 1);
    fake.clear_requests();
    assert!(fake.requests().is_empty());
}

#[tokio::test]
async fn deleted_namespace_takes_its_objects_along() {
    let cluster = TestCluster::fake();
    let name = {
        let namespace = cluster.namespace().await;
        let maps: Api<ConfigMap> = Api::namespaced(cluster.client(), namespace.name());
        let mut held = config_map("held");
        held.metadata.finalizers = Some(vec!["example.com/wait".to_owned()]);
        for map in [held, config_map("free")] {
            maps.create(&PostParams::default(), &map).await.unwrap();
        }
        let namespaces: Api<Namespace> = Api::all(cluster.client());
        namespaces.delete(namespace.name(), &DeleteParams::default()).await.unwrap();
        assert_eq!(maps.list(&ListParams::default()).await.unwrap().items.len(), 1);
        assert_eq!(code(maps.create(&PostParams::default(), &config_map("new")).await), 403);
        let mut held = maps.get("held").await.unwrap();
        held.metadata.finalizers = None;
        maps.replace("held", &PostParams::default(), &held).await.unwrap();
        assert!(namespaces.get_opt(namespace.name()).await.unwrap().is_none());
        namespace.name().to_owned()
    };
    let other = cluster.namespace().await;
    assert_ne!(other.name(), name);
}

#[tokio::test]
async fn creation_by_update_needs_both_rights() {
    let fake = Fake::new();
    let leases = Api::<Lease>::namespaced(fake.client_for("zoe", &[]), "default");
    let roles: Api<ClusterRole> = Api::all(fake.client());
    let bindings: Api<ClusterRoleBinding> = Api::all(fake.client());
    let role = |verbs: &[&str]| -> ClusterRole {
        let rule = json!({ "verbs": verbs, "apiGroups": ["coordination.k8s.io"], "resources": ["leases"] });
        object(json!({ "metadata": { "name": "electors" }, "rules": [rule] }))
    };
    let binding = object(json!({
        "metadata": { "name": "electors" },
        "roleRef": { "kind": "ClusterRole", "name": "electors", "apiGroup": "rbac.authorization.k8s.io" },
        "subjects": [{ "kind": "User", "name": "zoe", "apiGroup": "rbac.authorization.k8s.io" }],
    }));
    let parameters = PostParams::default();
    roles.create(&parameters, &role(&["update"])).await.unwrap();
    bindings.create(&parameters, &binding).await.unwrap();
    let Err(kube::Error::Api(status)) = leases.replace("leader", &parameters, &lease("a")).await else {
        panic!("created without the right to create");
    };
    assert!(status.message.contains("cannot create resource \"leases\""), "{}", status.message);
    roles.replace("electors", &parameters, &role(&["update", "create"])).await.unwrap();
    leases.replace("leader", &parameters, &lease("a")).await.unwrap();
}
