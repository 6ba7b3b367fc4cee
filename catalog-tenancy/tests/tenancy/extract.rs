//! What axum's handlers take out of a request.

use axum::{Router, body::Body, routing::get};
use catalog_core::problem::Problem;
use catalog_tenancy::{ResolveTenantLayer, http::Tenant};
use http::Request;
use http_body_util::BodyExt;
use tower::ServiceExt;

async fn named(Tenant(namespace): Tenant) -> String {
    namespace.to_string()
}

#[tokio::test]
async fn a_handler_takes_the_tenant_or_does_not_run() {
    let found = Router::new().route("/", get(named)).layer(ResolveTenantLayer::many());
    let unfound = Router::new().route("/", get(named));
    for (router, path, expected) in [
        (&found, "/?namespace=team-a", "team-a"),
        (&found, "/?namespace=*", "all_namespaces_not_served"),
        (&found, "/", "tenant_required"),
        (&unfound, "/?namespace=team-a", "internal"),
    ] {
        let answer = router.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
        let code = answer.extensions().get::<Problem>().map(|problem| problem.code.to_string());
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(code.unwrap_or_else(|| String::from_utf8_lossy(&body).into_owned()), expected, "{path}");
    }
}
