//! Every error has one shape, whoever made it.

use axum::body::Body;
use catalog_tests::{OPERATOR, Stack, USER};
use http::Request;

#[tokio::test]
async fn handlers_extractors_and_layers_that_fail_are_described() {
    let stack = Stack::new().await;
    let post = |body: &str, media: &str| {
        let request = Request::post("/faulty/json").header(USER, OPERATOR).header("content-type", media);
        request.body(Body::from(body.to_owned())).unwrap()
    };
    assert_eq!(stack.send(post("[1, 2]", "application/json")).await.text, "2");
    for (request, status, code) in [
        (post("[1,", "application/json"), 400, "bad_request"),
        (post("{\"a\": 1}", "application/json"), 400, "invalid_body"),
        (post("[1]", "text/plain"), 415, "unsupported_media_type"),
        (post(&format!("[{}1]", "1,".repeat(600)), "application/json"), 413, "body_too_large"),
        (Request::get("/faulty/panics").header(USER, OPERATOR).body(Body::empty()).unwrap(), 500, "internal"),
        (Request::get("/faulty/hangs").header(USER, OPERATOR).body(Body::empty()).unwrap(), 504, "timeout"),
        (Request::get("/nowhere").body(Body::empty()).unwrap(), 404, "route_not_found"),
        (Request::delete("/api/plugins").body(Body::empty()).unwrap(), 405, "method_not_allowed"),
    ] {
        let answer = stack.send(request).await;
        assert!(answer.headers.contains("application/problem+json"), "{answer:?}");
        assert!(
            !answer.text.contains("unwrap") && !answer.text.contains("line 1 column"),
            "nothing internal: {answer:?}"
        );
        let problem = answer.json();
        assert_eq!(
            (answer.status, answer.code().as_str(), problem["status"].as_u64()),
            (status, code, Some(status.into()))
        );
    }
    let report = stack.get(None, "/readyz").await;
    assert_eq!((report.status, report.json()["components"]["stores"]["status"].as_str()), (200, Some("ok")));
}
