//! The routes of events.

use axum::{Router, body::Body};
use catalog_audit::{
    Audit, AuditConfig, AuditWriter, PrepareAuditLayer, RecordAuditLayer, WriterConfig,
    http::AuditApi,
    seal::{Sealer, TrustedKeys},
    store::{AuditQuery, AuditStore, MemoryAuditStore},
};
use catalog_core::{
    authorizer::{InsecureAllowAll, authorize},
    context::{RequestContext, RequestContextLayer},
    http::{Context, Doc, Reply, Routes, Security},
    identity::{Authenticator, Identity},
    page::PageTokens,
    permission::{Permission, Reach, Resource, Verb},
    store::hook::Unfenced,
    tenant::TenantSelector,
    testing::scope,
};
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::{ServiceBuilder, ServiceExt, layer::layer_fn};

use crate::seal::{key, put};

/// Lets Jane see the tenant that the query names; all, if it is `*`.
async fn admit(request: Request<Body>) -> Request<Body> {
    let (mut parts, body) = request.into_parts();
    let context = RequestContext::of(&mut parts);
    let query = parts.uri.query().unwrap_or_default();
    let tenant = query.split('&').find_map(|pair| pair.strip_prefix("namespace=")).unwrap_or("a");
    let tenant = match tenant {
        "*" => TenantSelector::All,
        name => TenantSelector::One(name.parse().unwrap()),
    };
    let (permission, identity) = {
        let route = context.route().unwrap();
        (route.access().permission().unwrap().clone(), Identity::new("jane", Authenticator::Token))
    };
    let granted = authorize(&InsecureAllowAll, &identity, &permission, Some(&tenant), None).await.unwrap();
    context.set_identity(identity).unwrap();
    context.set_tenant(tenant).unwrap();
    if let Some(scope) = granted.scope {
        context.set_scope(scope).unwrap();
    }
    Request::from_parts(parts, body)
}

fn router(routes: Routes) -> Router {
    let protection = layer_fn(|inner: axum::routing::Route| {
        tower::service_fn(move |request: Request<Body>| {
            let inner = inner.clone();
            async move { inner.oneshot(admit(request).await).await }
        })
    });
    routes.into_router(&protection).unwrap().layer(RequestContextLayer::new())
}

fn api(store: &MemoryAuditStore) -> AuditApi<MemoryAuditStore> {
    let tokens = PageTokens::new([PageTokens::generate_key().unwrap()]).unwrap();
    AuditApi::new(store.clone(), TrustedKeys::new().with_key(&key()), tokens)
}

async fn text(router: &Router, path: &str) -> (StatusCode, String) {
    let request = Request::get(format!("/api/audit/v1alpha1/{path}")).body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn get(router: &Router, path: &str) -> (StatusCode, Value) {
    let (status, text) = text(router, path).await;
    (status, serde_json::from_str(&text).unwrap())
}

async fn filled() -> (MemoryAuditStore, Router) {
    let store = MemoryAuditStore::new();
    put(&store, "a", 0..250).await;
    put(&store, "b", 0..3).await;
    put(&store, "", 0..2).await;
    Sealer::new(store.clone(), key()).seal(&Unfenced).await.unwrap();
    let router = router(api(&store).routes());
    (store, router)
}

#[tokio::test]
async fn events_are_listed_page_by_page_and_within_the_scope() {
    let (store, router) = filled().await;
    put(&store, "a", 250..251).await;
    let (mut token, mut seen) = (String::new(), Vec::new());
    loop {
        let (status, body) = get(&router, &format!("events?pageSize=100&pageToken={token}")).await;
        assert_eq!((status, &body["events"]), (StatusCode::OK, &body["items"]));
        let items = body["items"].as_array().unwrap();
        assert_eq!(body["size"], items.len());
        seen.extend(items.iter().map(|item| item["sequence"].as_i64().unwrap()));
        let Some(next) = body["nextPageToken"].as_str() else { break };
        token = next.into();
        for stranger in ["events?namespace=b", "events?actor=jane", "events?namespace=*"] {
            let (status, problem) = get(&router, &format!("{stranger}{}pageToken={token}", '&')).await;
            assert_eq!(
                (status.as_u16(), &problem["code"]),
                (400, &json!("invalid_page_token")),
                "{stranger}"
            );
        }
    }
    // the newest is not sealed yet
    assert_eq!(seen.first(), Some(&0));
    assert!(seen.iter().skip(1).copied().eq((1..=250).rev()), "{seen:?}");
    for (query, expected) in [
        ("namespace=b", 3),
        ("namespace=*&pageSize=1000", 256),
        ("actor=user-1&pageSize=1000", 84),
        ("requestId=request-7", 1),
        ("outcome=denied", 0),
        ("since=2026-03-01T12:00:10Z&until=2026-03-01T12:00:20Z", 10),
        ("plugin=&resourceType=catalogsources&action=update&eventType=request&outcome=success", 100),
    ] {
        assert_eq!(get(&router, &format!("events?{query}")).await.1["size"], expected, "{query}");
    }
    for bad in ["outcome=x", "eventType=x", "since=yesterday", "actor=%00", "nosuch=1", "pageSize=0"] {
        let (status, problem) = get(&router, &format!("events?{bad}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{bad} {problem}");
    }
}

#[tokio::test]
async fn one_event_is_found_within_its_scope_only() {
    let (_, router) = filled().await;
    let (_, body) = get(&router, "events?namespace=b&pageSize=1").await;
    let id = body["items"][0]["id"].as_str().unwrap();
    let (status, event) = get(&router, &format!("events/{id}?namespace=b")).await;
    assert_eq!((status, &event), (StatusCode::OK, &body["items"][0]));
    assert_eq!((event["sequence"].as_i64(), event["hash"].as_str().map(str::len)), (Some(3), Some(64)));
    assert_eq!(event["newValue"], json!({"second": 2}));
    let foreign = get(&router, &format!("events/{id}?namespace=a")).await;
    assert_eq!(foreign, get(&router, "events/no-id").await);
    assert_eq!(foreign.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_export_has_every_sealed_event_in_order() {
    let (store, router) = filled().await;
    put(&store, "a", 250..251).await;
    let lines = async |path: &str| -> Vec<(String, i64)> {
        let (status, text) = text(&router, path).await;
        assert_eq!(status, StatusCode::OK);
        let line = |line: &str| -> (String, i64) {
            let event: Value = serde_json::from_str(line).unwrap();
            (event["namespace"].as_str().unwrap_or_default().into(), event["sequence"].as_i64().unwrap())
        };
        text.lines().map(line).collect()
    };
    let own = lines("events:export").await;
    assert!(own.iter().map(|(_, sequence)| *sequence).eq(1..=250) && own.iter().all(|(name, _)| name == "a"));
    let all = lines("events:export?namespace=*").await;
    assert_eq!((all.len(), all[0].0.as_str(), all.is_sorted()), (255, "", true));
    assert_eq!(lines("events:export?actor=user-1&namespace=b").await, [("b".into(), 2)]);
    assert_eq!(lines("events:export?actor=nobody").await, []);
}

#[tokio::test]
async fn integrity_is_told_of_one_tenant_and_of_all() {
    let (_, router) = filled().await;
    let (status, body) = get(&router, "integrity").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        (&body["verified"], &body["from"], &body["to"], &body["sealed"]),
        (&json!(true), &json!(1), &json!(250), &json!(250))
    );
    assert_eq!(get(&router, "integrity?namespace=nobody").await.1["to"], 0);
    let (_, body) = get(&router, "integrity?namespace=*").await;
    assert_eq!((&body["verified"], body["items"].as_array().unwrap().len()), (&json!(true), 3));
    for bad in ["from=0", "to=x", "from=3&to=2", "namespace=*&from=1"] {
        assert_eq!(get(&router, &format!("integrity?{bad}")).await.0, StatusCode::BAD_REQUEST, "{bad}");
    }
    let store = MemoryAuditStore::new();
    put(&store, "a", 0..3).await;
    Sealer::new(store.clone(), key()).seal(&Unfenced).await.unwrap();
    let distrusting = AuditApi::new(
        store,
        TrustedKeys::new(),
        PageTokens::new([PageTokens::generate_key().unwrap()]).unwrap(),
    );
    let (_, body) = get(&super::http::router(distrusting.routes()), "integrity").await;
    assert_eq!(
        (&body["verified"], &body["firstBroken"]),
        (&json!(false), &json!({"sequence": 1, "fault": "forged"}))
    );
}

#[tokio::test]
async fn a_router_is_recorded_and_so_are_reads_of_the_record() {
    let store = MemoryAuditStore::new();
    let audit =
        Audit::new(AuditWriter::spawn(store.clone(), WriterConfig::default()), AuditConfig::default());
    let permission = Permission::new(Verb::Update, Resource::CatalogSources, Reach::Tenant);
    let doc = Doc::new("applySource", "Applies.", Reply::json("Source")).audited();
    let handler = |Context(context): Context| async move { context.event_id().to_string() };
    let routes = Routes::new()
        .with(Method::PUT, "/sources", permission, doc, handler)
        .merge(api(&store).with_audited_reads().routes());
    let document: Value = serde_json::from_str(&routes.openapi(
        "t",
        "1",
        Security::Anonymous,
        AuditApi::<MemoryAuditStore>::shapes(),
    ))
    .unwrap();
    assert!(document["paths"]["/api/audit/v1alpha1/events:export"]["get"].is_object());
    let within = router(routes.layer(&PrepareAuditLayer::new(&audit)));
    let edge = ServiceBuilder::new().layer(RequestContextLayer::new()).layer(RecordAuditLayer::new(&audit));
    let router: Router = within.layer(edge);
    let request = Request::put("/sources").body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let id = response.into_body().collect().await.unwrap().to_bytes();
    let (_, body) = get(&router, "events").await;
    assert_eq!(body["items"].as_array().unwrap().len(), 1);
    let event = &body["items"][0];
    assert_eq!(event["id"].as_str().unwrap().as_bytes(), id);
    assert_eq!(
        (&event["actor"]["user"], &event["resourceType"], &event["outcome"]),
        (&json!("jane"), &json!("catalogsources"), &json!("success"))
    );
    let all = store.list(&scope("a").await, &AuditQuery::default()).await.unwrap();
    assert_eq!(all.len(), 2, "the list was recorded, too");
    assert_eq!(all[0].record.resource_type, "audit");
}
