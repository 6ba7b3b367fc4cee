//! The layer around a service that says which tenant it saw.

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use catalog_core::{
    context::{RequestContext, RouteInfo},
    name::Namespace,
    permission::{Permission, Reach, Resource, Verb},
    problem::Problem,
};
use catalog_tenancy::{ResolveTenantLayer, TenantError};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use proptest::prelude::*;
use tower::{Layer, ServiceExt, service_fn};

async fn seen(request: Request<()>) -> Result<Response<Full<Bytes>>, Infallible> {
    let tenant = RequestContext::find(request.extensions()).and_then(RequestContext::tenant);
    Ok(Response::new(Full::from(tenant.map_or("none".into(), ToString::to_string))))
}

/// What the inner service saw, or the code of the refusal.
async fn ask(layer: &ResolveTenantLayer, uri: &str, headers: &[&str], reach: Option<Reach>) -> String {
    let mut request = Request::get(uri);
    for value in headers {
        request = request.header("x-namespace", value.as_bytes());
    }
    let (mut parts, ()) = request.body(()).unwrap().into_parts();
    if let Some(reach) = reach {
        let access = Permission::new(Verb::List, Resource::Assets, reach).into();
        let route = RouteInfo::new("/", access);
        RequestContext::of(&mut parts).set_route(Arc::new(route)).unwrap();
    }
    let response = layer.layer(service_fn(seen)).oneshot(Request::from_parts(parts, ())).await.unwrap();
    if response.status() == 200 {
        let body = response.into_body().collect().await.unwrap().to_bytes();
        return String::from_utf8(body.to_vec()).unwrap();
    }
    assert_eq!(response.status(), 400);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    assert!(response.extensions().get::<TenantError>().is_some());
    let problem: Problem =
        serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap();
    assert!(problem.request_id.is_some());
    problem.code.into_owned()
}

#[tokio::test]
async fn query_and_header_are_read_and_must_agree() {
    let many = ResolveTenantLayer::many();
    for (uri, headers, expected) in [
        ("/?namespace=team-a", &[][..], "team-a"),
        ("/", &["team-a"], "team-a"),
        ("/?q=1&namespace=team-a", &["team-a"], "team-a"),
        ("/?name%73pace=team%2Da", &[], "team-a"),
        ("/?namespace=*", &[], "*"),
        ("/?namespace=%2A", &["*"], "*"),
        ("/?allNamespaces=true", &[], "*"),
        ("/?allNamespaces=false&namespace=team-a", &[], "team-a"),
        ("/?namespace=*&allNamespaces=true", &[], "*"),
        ("/", &[], "tenant_required"),
        ("/?Namespace=team-a", &[], "tenant_required"),
        ("/?namespace=team-a", &["team-b"], "tenant_conflict"),
        ("/?namespace=*", &["team-b"], "tenant_conflict"),
        ("/?namespace=team-a&namespace=team-b", &[], "tenant_conflict"),
        ("/?namespace=team-a&namespace=team-a", &[], "tenant_conflict"),
        ("/?namespace=team-a&name%73pace=team-b", &[], "tenant_conflict"),
        ("/?namespace=team-a&allNamespaces=true", &[], "tenant_conflict"),
        ("/", &["team-a", "team-a"], "tenant_conflict"),
        ("/", &["team-a, team-b"], "invalid_namespace"),
        ("/?namespace=", &[], "invalid_namespace"),
        ("/?namespace", &[], "invalid_namespace"),
        ("/?namespace=Team-A", &[], "invalid_namespace"),
        ("/?namespace=team-a.", &[], "invalid_namespace"),
        ("/?namespace=team-a%00", &[], "invalid_namespace"),
        ("/?namespace=te%D0%B0m", &[], "invalid_namespace"),
        ("/?namespace=%ff", &[], "invalid_namespace"),
        ("/?namespace=+team-a", &[], "invalid_namespace"),
        ("/?allNamespaces=1", &[], "invalid_parameter"),
    ] {
        assert_eq!(ask(&many, uri, headers, None).await, expected, "{uri} {headers:?}");
    }
}

#[tokio::test]
async fn a_service_of_one_tenant_needs_no_name_and_takes_no_other() {
    let single = ResolveTenantLayer::single(Namespace::new("default").unwrap());
    for (uri, expected) in [
        ("/", "default"),
        ("/?namespace=default", "default"),
        ("/?namespace=*", "default"),
        ("/?namespace=team-a", "tenant_conflict"),
        ("/?namespace=Bad", "invalid_namespace"),
    ] {
        assert_eq!(ask(&single, uri, &[], None).await, expected, "{uri}");
    }
    assert_eq!(
        ask(&single, "/?namespace=*", &[], Some(Reach::Tenant)).await,
        "*",
        "for who authorizes to refuse"
    );
}

#[tokio::test]
async fn a_route_of_nobody_is_exempt_by_its_declaration() {
    let many = ResolveTenantLayer::many();
    assert_eq!(ask(&many, "/?namespace=Bad", &[], Some(Reach::Cluster)).await, "none");
    assert_eq!(ask(&many, "/livez", &[], Some(Reach::Tenant)).await, "tenant_required");
}

proptest! {
    #[test]
    fn whatever_is_sent_the_tenant_is_a_sound_name_or_a_refusal(query in "[ -~]{0,40}", header in "[ -~]{0,70}") {
        let query: String = query.chars().filter(|c| !" \"<>#\\^`{|}".contains(*c)).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let seen = runtime.block_on(ask(&ResolveTenantLayer::many(), &format!("/?namespace={query}"), &[&header], None));
        prop_assert!(Namespace::new(&seen).is_ok() || seen == "*" || seen.contains('_'), "{seen}");
    }
}
