//! The routes that orchestrators ask.

use axum::{Router, body::Body};
use catalog_ha::{Component, Drain, Readiness, probes};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use tower::ServiceExt;
use tower_layer::Identity;

async fn ask(router: &Router, path: &str) -> (StatusCode, String) {
    let request = Request::builder().uri(path).body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

fn router(drain: Drain) -> Router {
    let readiness = Readiness::new(drain)
        .with_check("database", || async { Component::ok() })
        .with_check("plugins", || async { Component::degraded("1 of 8 does not work") });
    probes(&readiness).into_router(&Identity::new()).unwrap()
}

#[tokio::test]
async fn a_report_is_json_and_text_where_that_is_asked_for() {
    let drain = Drain::new();
    let router = router(drain.clone());
    let json = r#"{"status":"ready","components":{"database":{"status":"ok"},"plugins":{"status":"degraded","detail":"1 of 8 does not work"}}}"#;
    let text = "[+]database ok\n[+]plugins degraded: 1 of 8 does not work\nreadyz check passed\n";
    for (path, told) in [
        ("/readyz", json),
        ("/readyz?verbose=false", json),
        ("/readyz?verbose", text),
        ("/readyz?verbose=true", text),
    ] {
        assert_eq!(ask(&router, path).await, (StatusCode::OK, told.to_owned()), "{path}");
    }
    for path in ["/readyz?verbose=yes", "/readyz?other", "/readyz/database?verbose&verbose"] {
        assert_eq!(ask(&router, path).await.0, StatusCode::BAD_REQUEST, "{path}");
    }
    drain.begin();
    let (status, told) = ask(&router, "/readyz?verbose").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(told.contains("[-]shutdown failed: the process is about to leave\n"), "{told}");
    assert_eq!(ask(&router, "/livez").await.0, StatusCode::OK, "whoever leaves is not to be killed");
}

#[tokio::test]
async fn one_check_is_asked_by_its_name() {
    let drain = Drain::new();
    let router = router(drain.clone());
    let json = r#"{"status":"ready","components":{"database":{"status":"ok"}}}"#;
    assert_eq!(ask(&router, "/readyz/database").await, (StatusCode::OK, json.to_owned()));
    assert_eq!(ask(&router, "/readyz/plugins").await.0, StatusCode::OK);
    assert_eq!(ask(&router, "/readyz/other").await.0, StatusCode::NOT_FOUND);
    assert_eq!(ask(&router, "/readyz/shutdown?verbose").await.1, "[+]shutdown ok\nreadyz check passed\n");
    drain.begin();
    assert_eq!(ask(&router, "/readyz/database").await.0, StatusCode::OK);
    assert_eq!(ask(&router, "/readyz/shutdown").await.0, StatusCode::SERVICE_UNAVAILABLE);
}
