//! Each way to find a tenant, and how they go together.

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use catalog_core::{
    context::{RequestContext, RouteInfo},
    identity::{Authenticator, Identity},
    permission::{Permission, Reach, Resource, Verb},
    problem::Problem,
};
use catalog_tenancy::{
    ResolveTenantLayer,
    resolver::{HeaderResolver, HostResolver, IdentityBound, IdentityDefault, PathResolver, TenantResolver},
};
use http::{HeaderName, Request, Response, request::Builder};
use http_body_util::Full;
use tower::{Layer, ServiceExt, service_fn};

async fn seen(request: Request<()>) -> Result<Response<Full<Bytes>>, Infallible> {
    let tenant = RequestContext::find(request.extensions()).and_then(RequestContext::tenant).unwrap();
    let mut response = Response::new(Full::default());
    response.extensions_mut().insert(tenant.to_string());
    Ok(response)
}

/// What the inner service saw, or the code of the refusal.
async fn ask(
    layer: &ResolveTenantLayer,
    request: Builder,
    template: &str,
    identity: Option<Identity>,
) -> String {
    let (mut parts, ()) = request.body(()).unwrap().into_parts();
    let context = RequestContext::of(&mut parts);
    let access = Permission::new(Verb::List, Resource::Assets, Reach::TenantOrAll).into();
    context.set_route(Arc::new(RouteInfo::new(template, access))).unwrap();
    if let Some(identity) = identity {
        context.set_identity(identity).unwrap();
    }
    let response = layer.layer(service_fn(seen)).oneshot(Request::from_parts(parts, ())).await.unwrap();
    let said = response.extensions().get::<String>().cloned();
    said.unwrap_or_else(|| response.extensions().get::<Problem>().unwrap().code.to_string())
}

fn only(resolver: impl TenantResolver) -> ResolveTenantLayer {
    ResolveTenantLayer::many().with_resolvers([]).with_resolver(resolver)
}

#[tokio::test]
async fn a_host_names_its_tenant_in_one_spelling_only() {
    let layer = only(HostResolver::below("catalog.example"));
    let of = async |hosts: &[&str], uri: &str| {
        let request = hosts.iter().fold(Request::get(uri), |request, host| request.header("host", *host));
        ask(&layer, request, "/", None).await
    };
    for (host, expected) in [
        ("team-a.catalog.example", "team-a"),
        ("team-a.catalog.example:8443", "team-a"),
        ("catalog.example", "tenant_required"),
        ("team-a.other.example", "tenant_required"),
        ("xcatalog.example", "tenant_required"),
        ("[::1]:80", "tenant_required"),
        (".catalog.example", "invalid_namespace"),
        ("a.b.catalog.example", "invalid_namespace"),
        ("Team-a.catalog.example", "invalid_namespace"),
        ("team-a.Catalog.example", "invalid_namespace"),
        ("team-a.catalog.example.", "invalid_namespace"),
        ("team-a.catalog.example.:80", "invalid_namespace"),
        ("*.catalog.example", "invalid_namespace"),
        (&format!("{}.catalog.example", "x".repeat(64)), "invalid_namespace"),
    ] {
        assert_eq!(of(&[host], "/").await, expected, "{host}");
    }
    let (a, b) = ("team-a.catalog.example", "team-b.catalog.example");
    assert_eq!(of(&[], "http://team-a.catalog.example/").await, "team-a", "HTTP/2 has no such header");
    assert_eq!(of(&[a], "http://team-a.catalog.example/").await, "team-a");
    assert_eq!(of(&[b], "http://team-a.catalog.example/").await, "tenant_conflict");
    assert_eq!(of(&["other.example"], "http://team-a.catalog.example/").await, "tenant_conflict");
    assert_eq!(of(&[a, a], "/").await, "tenant_conflict", "twice is once too often");
    let request = Request::get("/").header("host", &b"te\xffm.catalog.example"[..]);
    assert_eq!(ask(&layer, request, "/", None).await, "invalid_namespace");
}

#[tokio::test]
async fn a_path_names_its_tenant_where_the_route_says_so() {
    let placeholder = only(PathResolver::placeholder("namespace"));
    let segment = only(PathResolver::segment(1));
    for (path, template, by_placeholder, by_segment) in [
        ("/t/team-a/models", "/t/{namespace}/models", "team-a", "team-a"),
        ("/t/team%2Da", "/t/{namespace}", "team-a", "team-a"),
        ("/t/team-a", "/t/{name}", "tenant_required", "team-a"),
        ("/t", "/t", "tenant_required", "tenant_required"),
        ("/t/", "/t/{namespace}", "invalid_namespace", "invalid_namespace"),
        ("/t/*/x", "/t/{namespace}/x", "invalid_namespace", "invalid_namespace"),
        ("/t/team-a%2Fx", "/t/{namespace}", "invalid_namespace", "invalid_namespace"),
        ("/t/%ff", "/t/{namespace}", "invalid_namespace", "invalid_namespace"),
    ] {
        assert_eq!(ask(&placeholder, Request::get(path), template, None).await, by_placeholder, "{path}");
        assert_eq!(ask(&segment, Request::get(path), template, None).await, by_segment, "{path}");
    }
}

fn jane(tenants: &[&str]) -> Identity {
    let mut jane = Identity::new("jane", Authenticator::Oidc);
    jane.extra.insert("tenants".into(), tenants.iter().map(ToString::to_string).collect());
    jane
}

#[tokio::test]
async fn an_identity_has_a_default_only_if_it_has_one_tenant() {
    let layer = only(HeaderResolver)
        .with_default(IdentityDefault::extra("tenants"))
        .with_default(IdentityDefault::service_account());
    let of = async |identity: Option<Identity>, header: Option<&str>| {
        let name = HeaderName::from_static("x-namespace");
        let request =
            header.into_iter().fold(Request::get("/"), |request, value| request.header(&name, value));
        ask(&layer, request, "/", identity).await
    };
    let robot = |user: &str| Some(Identity::new(user, Authenticator::TokenReview));
    assert_eq!(of(None, None).await, "tenant_required");
    assert_eq!(of(Some(Identity::anonymous()), None).await, "tenant_required");
    assert_eq!(of(Some(jane(&["team-a"])), None).await, "team-a");
    assert_eq!(of(Some(jane(&["team-a"])), Some("team-b")).await, "team-b", "it is a default and no bound");
    assert_eq!(of(Some(jane(&[])), None).await, "tenant_required");
    assert_eq!(of(Some(jane(&["team-a", "team-b"])), None).await, "tenant_required");
    assert_eq!(of(Some(jane(&["*"])), None).await, "invalid_namespace");
    assert_eq!(of(robot("system:serviceaccount:team-c:ci"), None).await, "team-c");
    assert_eq!(of(robot("system:serviceaccount:team-c"), None).await, "tenant_required");
    assert_eq!(of(robot("xsystem:serviceaccount:team-c:ci"), None).await, "tenant_required");
}

#[tokio::test]
async fn a_bound_takes_away_and_never_gives() {
    let layer = ResolveTenantLayer::many()
        .with_default(IdentityDefault::extra("tenants"))
        .with_bound(IdentityBound::extra("tenants"))
        .with_bound(IdentityBound::service_account());
    for (identity, query, expected) in [
        (Some(jane(&["team-a", "team-b"])), "namespace=team-a", "team-a"),
        (Some(jane(&["team-a", "team-b"])), "namespace=team-c", "forbidden"),
        (Some(jane(&["team-b", "team-a"])), "namespace=*", "team-a, team-b"),
        (Some(jane(&["team-a"])), "", "team-a"),
        (Some(jane(&[])), "namespace=team-a", "forbidden"),
        (Some(jane(&[])), "namespace=*", ""),
        (Some(jane(&["Team"])), "namespace=team-a", "invalid_namespace"),
        (Some(Identity::new("joe", Authenticator::Oidc)), "namespace=team-c", "team-c"),
        (Some(Identity::new("joe", Authenticator::Oidc)), "namespace=*", "*"),
        (None, "namespace=team-c", "team-c"),
    ] {
        let request = Request::get(format!("/?{query}"));
        assert_eq!(ask(&layer, request, "/", identity.clone()).await, expected, "{identity:?} {query}");
    }
    let mut both = jane(&["team-a", "team-b"]);
    both.user = "system:serviceaccount:team-b:ci".into();
    let of =
        async |query: &str| ask(&layer, Request::get(format!("/?{query}")), "/", Some(both.clone())).await;
    assert_eq!(
        (of("namespace=*").await, of("namespace=team-a").await),
        ("team-b".into(), "forbidden".into())
    );
}

#[tokio::test]
async fn what_is_missing_is_told_by_how_it_can_be_named() {
    let layer = only(HostResolver::below("catalog.example")).with_resolver(PathResolver::placeholder("ns"));
    let (mut parts, ()) = Request::get("/").body(()).unwrap().into_parts();
    RequestContext::of(&mut parts);
    let response = layer.layer(service_fn(seen)).oneshot(Request::from_parts(parts, ())).await.unwrap();
    let problem = response.extensions().get::<Problem>().unwrap();
    assert_eq!(problem.detail, "a namespace is required: the host `<namespace>.catalog.example` or the path");
}
