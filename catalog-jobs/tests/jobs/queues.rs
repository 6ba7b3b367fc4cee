//! The routes of queues, on the store in memory.

use axum::{Router, body::Body};
use catalog_core::{
    context::RequestContext,
    http::Security,
    store::hook::Unaudited,
    tenant::TenantScope,
    testing::{BrokenRecorder, scope},
};
use catalog_jobs::{
    QueueName,
    http::{Jobs, Queues},
    store::{EnqueueStore, MemoryJobStore, UpkeepStore},
    testing::{claim, said, say},
};
use http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::{ServiceExt, util::MapRequestLayer};

/// The routes for whoever may see that.
fn router<S: UpkeepStore + Clone>(store: &S, scope: TenantScope) -> Router {
    let authorized = MapRequestLayer::new(move |request: axum::extract::Request| {
        let (mut parts, body) = request.into_parts();
        let _ = RequestContext::of(&mut parts).set_scope(scope.clone());
        axum::extract::Request::from_parts(parts, body)
    });
    let queues = Queues::new(store.clone(), [QueueName::default(), "other".parse().unwrap()]);
    queues.routes().into_router(&authorized).unwrap()
}

async fn ask(router: &Router, method: &str, path: &str) -> (u16, Value) {
    let uri = format!("/api/jobs/v1alpha1{path}");
    let request = Request::builder().method(method).uri(uri).body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    (status, serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap())
}

#[tokio::test]
async fn queues_and_tenants_are_paused_and_resumed() {
    let store = MemoryJobStore::new(Unaudited);
    store.enqueue(&[say("a", "1"), say("b", "2")]).await.unwrap();
    let (all, a) = (router(&store, scope("*").await), router(&store, scope("a").await));
    let paused = json!({"namespace": "a", "paused": true});
    for _ in 0..2 {
        assert_eq!(ask(&a, "POST", "/tenant:pause").await, (200, paused.clone()));
    }
    assert_eq!(ask(&a, "GET", "/tenant").await, (200, paused));
    assert_eq!(
        ask(&all, "POST", "/queues/other:pause").await,
        (200, json!({"queue": "other", "paused": true}))
    );
    let (_, list) = ask(&all, "GET", "/queues").await;
    assert_eq!((&list["size"], &list["pausedNamespaces"]), (&json!(2), &json!(["a"])));
    let first = &list["items"][0];
    assert_eq!(
        (&first["queue"], &first["paused"], &first["ready"]),
        (&"default".into(), &false.into(), &2.into())
    );
    assert_eq!(list["items"][1]["paused"], true);
    assert_eq!(said(&claim(&store, 9).await), "2");
    assert_eq!(ask(&all, "POST", "/queues/default:pause").await.0, 200);
    assert_eq!(ask(&a, "POST", "/tenant:resume").await, (200, json!({"namespace": "a", "paused": false})));
    assert!(claim(&store, 9).await.is_empty());
    assert_eq!(ask(&all, "POST", "/queues/default:resume").await.1["paused"], false);
    assert_eq!(said(&claim(&store, 9).await), "1");
    for (method, path, status) in [
        ("POST", "/queues/unknown:pause", 404),
        ("POST", "/queues/Bad%20name:resume", 404),
        ("GET", "/queues?x=1", 400),
        ("POST", "/tenant:pause?x=1", 400),
    ] {
        assert_eq!(ask(&all, method, path).await.0, status, "{path}");
    }
    assert_eq!(ask(&all, "POST", "/tenant:pause").await.1["code"], "tenant_required");
    let broken = MemoryJobStore::new(BrokenRecorder);
    assert_eq!(ask(&router(&broken, scope("a").await), "POST", "/tenant:pause").await.0, 503);
    assert!(broken.paused().await.unwrap().is_empty(), "what cannot be recorded is not done");
}

#[test]
fn the_table_says_who_may() {
    let routes = Queues::new(MemoryJobStore::new(Unaudited), [QueueName::default()]).routes();
    let table = routes.to_string();
    for line in [
        "GET     /api/jobs/v1alpha1/queues                 list jobs (cluster)",
        "POST    /api/jobs/v1alpha1/queues/{queue}:pause   update jobs (cluster)",
        "POST    /api/jobs/v1alpha1/queues/{queue}:resume  update jobs (cluster)",
        "GET     /api/jobs/v1alpha1/tenant                 get jobs (tenant)",
        "POST    /api/jobs/v1alpha1/tenant:pause           update jobs (tenant)",
        "POST    /api/jobs/v1alpha1/tenant:resume          update jobs (tenant)",
    ] {
        assert!(table.contains(line), "{table}");
    }
    let shapes = Jobs::<MemoryJobStore<Unaudited>>::shapes();
    let document: Value =
        serde_json::from_str(&routes.openapi("test", "1", Security::Bearer, shapes)).unwrap();
    assert!(document["components"]["schemas"]["QueueList"]["properties"]["pausedNamespaces"].is_object());
    assert!(document["paths"]["/api/jobs/v1alpha1/queues/{queue}:pause"]["post"].is_object());
}
