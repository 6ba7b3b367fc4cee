//! The routes, on the store in memory.

use std::{sync::Arc, time::Duration};

use axum::{Router, body::Body};
use catalog_core::{
    clock::{ManualClock, Timestamp},
    context::RequestContext,
    http::Security,
    page::PageTokens,
    store::hook::Unaudited,
    tenant::TenantScope,
    testing::scope,
};
use catalog_jobs::{
    Enqueued, NewJob, Outcome,
    http::Jobs,
    store::{EnqueueStore, MemoryJobStore},
    testing::{claim, say, settle},
};
use http::{Request, Response};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::{ServiceExt, util::MapRequestLayer};

fn store() -> MemoryJobStore<Unaudited> {
    let clock = ManualClock::new(Timestamp::from_unix_ms(1_800_000_000_000).unwrap());
    MemoryJobStore::new(Unaudited).with_clock(Arc::new(clock))
}

fn jobs(store: &MemoryJobStore<Unaudited>) -> Jobs<MemoryJobStore<Unaudited>> {
    Jobs::new(store.clone(), "say".parse().unwrap(), PageTokens::new(["k".repeat(32)]).unwrap())
}

/// The routes for whoever may see that.
fn router(store: &MemoryJobStore<Unaudited>, scope: TenantScope) -> Router {
    let authorized = MapRequestLayer::new(move |request: axum::extract::Request| {
        let (mut parts, body) = request.into_parts();
        let _ = RequestContext::of(&mut parts).set_scope(scope.clone());
        axum::extract::Request::from_parts(parts, body)
    });
    jobs(store).routes().into_router(&authorized).unwrap()
}

async fn ask(router: &Router, method: &str, path: &str) -> Response<Body> {
    let uri = format!("/api/jobs/v1alpha1/say{path}");
    let request = Request::builder().method(method).uri(uri).body(Body::empty()).unwrap();
    router.clone().oneshot(request).await.unwrap()
}

async fn json(response: Response<Body>) -> Value {
    serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
}

async fn status(router: &Router, method: &str, path: &str) -> (u16, Value) {
    let response = ask(router, method, path).await;
    (response.status().as_u16(), json(response).await)
}

#[tokio::test]
async fn jobs_are_listed_page_by_page_and_shown() {
    let store = store();
    let mut all: Vec<NewJob> = (0..5).map(|number| say("a", &number.to_string())).collect();
    all[1] = all[1].clone().for_plugin("mcp".parse().unwrap()).requested_by("ada");
    store.enqueue(&all).await.unwrap();
    let (a, b) = (router(&store, scope("a").await), router(&store, scope("b").await));
    let (mut seen, mut token) = (Vec::new(), String::new());
    loop {
        let (code, page) = status(&a, "GET", &format!("?pageSize=2&pageToken={token}")).await;
        assert_eq!((code, &page["pageSize"]), (200, &2.into()));
        seen.extend(
            page["items"].as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["nextPageToken"].as_str() else { break };
        token = next.into();
        for other in [
            status(&b, "GET", &format!("?pageSize=2&pageToken={token}")).await,
            status(&a, "GET", &format!("?state=queued&pageToken={token}")).await,
        ] {
            assert_eq!((other.0, &other.1["code"]), (400, &"invalid_page_token".into()));
        }
    }
    let expected: Vec<String> = all.iter().rev().map(|job| job.id.to_string()).collect();
    assert_eq!(seen, expected);
    for (query, size) in [
        ("plugin=mcp", 1),
        ("requestedBy=ada", 1),
        ("requestedBy=bob", 0),
        ("state=queued", 5),
        ("state=succeeded", 0),
    ] {
        assert_eq!(status(&a, "GET", &format!("?{query}")).await.1["size"], size, "{query}");
    }
    store.enqueue(&[say("b", "x")]).await.unwrap();
    let everyone = router(&store, scope("*").await);
    let page = status(&everyone, "GET", "?pageSize=5").await.1;
    assert_eq!((&page["items"][0]["namespace"], &page["items"][1]["namespace"]), (&"b".into(), &"a".into()));
    let token = page["nextPageToken"].as_str().unwrap();
    assert_eq!(status(&everyone, "GET", &format!("?pageSize=5&pageToken={token}")).await.1["size"], 1);
    assert_eq!(status(&a, "GET", &format!("?pageSize=5&pageToken={token}")).await.0, 400);
    for bad in ["?state=done", "?plugin=No", "?sourceId=%20", "?order=x", "?pageSize=0", "?pageToken=x"] {
        assert_eq!(status(&a, "GET", bad).await.0, 400, "{bad}");
    }
    let response = ask(&a, "GET", &format!("/{}", all[1].id)).await;
    assert_eq!(response.headers()["cache-control"], "no-store");
    let shown = json(response).await;
    assert_eq!((&shown["state"], &shown["plugin"]), (&"queued".into(), &"mcp".into()));
    assert_eq!(shown["requestedAt"], "2027-01-15T08:00:00.000Z");
    for absent in [format!("/{}", all[0].id), "/x".into(), format!("/{}", uuid::Uuid::now_v7())] {
        let (code, problem) = status(&b, "GET", &absent).await;
        assert_eq!((code, &problem["detail"]), (404, &"there is no such job".into()), "{absent}");
    }
    let other = Jobs::new(store, "other".parse().unwrap(), PageTokens::new(["k".repeat(32)]).unwrap());
    assert_eq!(other.path(), "/api/jobs/v1alpha1/other");
}

#[tokio::test]
async fn jobs_are_canceled_and_tried_again() {
    let store = store();
    let (waits, runs, over) = (say("a", "1"), say("a", "2"), say("a", "3"));
    store.enqueue(&[runs.clone(), over.clone()]).await.unwrap();
    let claims = claim(&store, 9).await;
    store.enqueue(std::slice::from_ref(&waits)).await.unwrap();
    let of_over = claims.iter().find(|claimed| claimed.claim.id == over.id).unwrap();
    settle(&store, &of_over.claim, Outcome::Succeeded { result: None }).await;
    let (a, b) = (router(&store, scope("a").await), router(&store, scope("b").await));
    for (job, verb, code, word) in [
        (&waits, "cancel", 200, "canceled"),
        (&waits, "cancel", 409, "job_finished"),
        (&waits, "retry", 200, "queued"),
        (&waits, "retry", 409, "conflict"),
        (&runs, "cancel", 202, "running"),
        (&over, "cancel", 409, "job_finished"),
        (&over, "retry", 409, "job_finished"),
    ] {
        let path = format!("/{}:{verb}", job.id);
        assert_eq!(status(&b, "POST", &path).await.0, 404);
        let (got, body) = status(&a, "POST", &path).await;
        let told = if code < 300 { &body["status"] } else { &body["code"] };
        assert_eq!((got, told), (code, &word.into()), "{path}");
    }
    assert_eq!(status(&a, "POST", "/x:cancel").await.0, 404);
}

#[tokio::test]
async fn what_asks_for_more_than_its_path_does_is_refused() {
    let store = store();
    let job = say("a", "1");
    store.enqueue(std::slice::from_ref(&job)).await.unwrap();
    let a = router(&store, scope("a").await);
    let path = |end: &str| format!("/{}{end}", job.id);
    for (method, end) in [("GET", ""), ("GET", "/events"), ("POST", ":cancel"), ("POST", ":retry")] {
        let (code, problem) = status(&a, method, &path(&format!("{end}?x=1"))).await;
        let detail = "the parameter `x` is not known here; none is taken but the tenant";
        assert_eq!((code, &problem["detail"]), (400, &detail.into()), "{method} {end}");
    }
    for (body, code) in [
        ("[]", "invalid_body"),
        ("x", "invalid_body"),
        (r#"{"force":true}"#, "invalid_body"),
        (r#"{"namespace":"No"}"#, "invalid_body"),
        (r#"{"namespace":"b"}"#, "tenant_conflict"),
        // not refused for its body: the job waits as it did
        ("", "conflict"),
        ("{}", "conflict"),
        (r#"{"namespace":"a"}"#, "conflict"),
    ] {
        let uri = format!("/api/jobs/v1alpha1/say{}", path(":retry"));
        let request = Request::post(uri).body(Body::from(body)).unwrap();
        let problem = json(a.clone().oneshot(request).await.unwrap()).await;
        assert_eq!(problem["code"], code, "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_is_followed_until_it_is_over_or_a_while() {
    let store = store();
    let (ends, stays) = (say("a", "1"), say("b", "2"));
    store.enqueue(&[ends.clone(), stays.clone()]).await.unwrap();
    let claims = claim(&store, 9).await;
    let (a, b) = (router(&store, scope("a").await), router(&store, scope("b").await));
    assert_eq!(ask(&b, "GET", &format!("/{}/events", ends.id)).await.status(), 404);
    let response = ask(&a, "GET", &format!("/{}/events", ends.id)).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let read = tokio::spawn(response.into_body().collect());
    tokio::time::sleep(Duration::from_secs(3)).await;
    let of_a = claims.iter().find(|claimed| claimed.claim.id == ends.id).unwrap();
    settle(&store, &of_a.claim, Outcome::Succeeded { result: Some("7".into()) }).await;
    let text = String::from_utf8(read.await.unwrap().unwrap().to_bytes().to_vec()).unwrap();
    let names: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    assert_eq!(names, ["changed", "finished"], "{text}");
    let last = text.lines().filter_map(|line| line.strip_prefix("data: ")).next_back().unwrap();
    assert_eq!(serde_json::from_str::<Value>(last).unwrap()["result"], 7);
    let begun = tokio::time::Instant::now();
    let response = ask(&b, "GET", &format!("/{}/events", stays.id)).await;
    let text = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(text.windows(6).filter(|window| window == b"event:").count(), 1);
    assert!(begun.elapsed() >= Duration::from_secs(10) && begun.elapsed() < Duration::from_secs(11));
}

#[tokio::test]
async fn an_accepted_job_says_where_it_is() {
    let (id, jobs) = (uuid::Uuid::now_v7(), jobs(&store()));
    let a = "a".parse().unwrap();
    let response = jobs.accepted(&a, Enqueued::New(id)).unwrap();
    assert_eq!(response.status(), 202);
    assert_eq!(response.headers()["location"], format!("/api/jobs/v1alpha1/say/{id}?namespace=a"));
    assert_eq!(json(response).await["status"], "queued");
    let replayed = jobs.accepted(&a, Enqueued::Replayed(id)).unwrap();
    assert_eq!(replayed.headers()["idempotency-replayed"], "true");
    let refused = jobs.accepted(&a, Enqueued::Mismatched(id)).unwrap_err();
    assert_eq!((refused.status, refused.code.as_ref()), (422, "idempotency_mismatch"));
}

#[test]
fn the_document_and_the_table_know_the_routes() {
    let routes = jobs(&store()).routes();
    let table = routes.to_string();
    for line in [
        "GET     /api/jobs/v1alpha1/say              list jobs (tenant or all)",
        "GET     /api/jobs/v1alpha1/say/{id}         get jobs (tenant)",
        "GET     /api/jobs/v1alpha1/say/{id}/events  get jobs (tenant)",
        "POST    /api/jobs/v1alpha1/say/{id}:cancel  update jobs (tenant)",
        "POST    /api/jobs/v1alpha1/say/{id}:retry   update jobs (tenant)",
    ] {
        assert!(table.contains(line), "{table}");
    }
    let document = routes.openapi("test", "1", Security::Bearer, Jobs::<MemoryJobStore<Unaudited>>::shapes());
    let document: Value = serde_json::from_str(&document).unwrap();
    assert!(document["paths"]["/api/jobs/v1alpha1/say/{id}:cancel"]["post"]["responses"]["202"].is_object());
    assert!(document["components"]["schemas"]["Job"]["properties"]["attemptCount"].is_object());
}
