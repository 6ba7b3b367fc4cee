//! The layers around a service that says what scope it was given.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{convert::Infallible, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use catalog_core::{
    authorizer::{Attributes, Authorizer, AuthorizerError, Decision, Visible},
    context::{RequestContext, RouteInfo},
    identity::Identity,
    name::Namespace,
    permission::{Permission, Reach, Resource, Verb},
    problem::Problem,
    tenant::TenantSelector,
};
use catalog_rbac::{AuthenticateLayer, AuthorizeLayer};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tower::{ServiceBuilder, ServiceExt, service_fn};

/// Allows `mine`, has no opinion on others, and fails on `broken`.
#[derive(Debug)]
struct Table;

#[async_trait]
impl Authorizer for Table {
    async fn decide(&self, _: &Identity, attributes: Attributes<'_>) -> Result<Decision, AuthorizerError> {
        match attributes.namespace.map(Namespace::as_str) {
            Some("mine") => Ok(Decision::Allow { reason: "table".into() }),
            Some("broken") => Err(AuthorizerError::new("connection refused to 10.1.2.3")),
            _ => Ok(Decision::NoOpinion { reason: "not in the table".into() }),
        }
    }

    async fn visible(&self, _: &Identity, _: &Permission) -> Result<Visible, AuthorizerError> {
        Ok(Visible::Set([Namespace::new("mine").unwrap()].into()))
    }
}

struct Case {
    headers: &'static [(&'static str, &'static str)],
    anonymous: bool,
    declared: Option<Reach>,
    tenant: Option<&'static str>,
}

const CASE: Case =
    Case { headers: &[], anonymous: true, declared: Some(Reach::TenantOrAll), tenant: Some("mine") };

async fn seen(request: Request<()>) -> Result<Response<Full<Bytes>>, Infallible> {
    assert!(!request.headers().keys().any(|name| name.as_str().starts_with("x-remote-")));
    let context = RequestContext::find(request.extensions()).unwrap();
    Ok(Response::new(Full::from(format!("{} {:?}", context.identity().unwrap(), context.scope()))))
}

async fn ask(case: Case) -> (u16, String) {
    let mut request = Request::get("/models");
    for (name, value) in case.headers {
        request = request.header(*name, *value);
    }
    let (mut parts, ()) = request.body(()).unwrap().into_parts();
    let context = RequestContext::of(&mut parts);
    if let Some(reach) = case.declared {
        let access = Permission::new(Verb::List, Resource::Assets, reach).into();
        context.set_route(Arc::new(RouteInfo::new("/models", access))).unwrap();
    }
    if let Some(tenant) = case.tenant {
        let tenant = if tenant == "*" {
            TenantSelector::All
        } else {
            TenantSelector::One(Namespace::new(tenant).unwrap())
        };
        context.set_tenant(tenant).unwrap();
    }
    let authorized = ServiceBuilder::new().layer(AuthorizeLayer::new(Table)).service(service_fn(seen));
    let request = Request::from_parts(parts, ());
    let response = if case.anonymous {
        ServiceBuilder::new().layer(AuthenticateLayer::anonymous()).service(authorized).oneshot(request).await
    } else {
        authorized.oneshot(request).await
    };
    let response = response.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    if status == 200 {
        return (status, String::from_utf8(body.to_vec()).unwrap());
    }
    let problem: Problem = serde_json::from_slice(&body).unwrap();
    assert!(!problem.detail.contains("10.1.2.3") && !problem.detail.contains("table"), "{}", problem.detail);
    (status, problem.code.into_owned())
}

#[tokio::test]
async fn only_a_clear_yes_reaches_the_handler() {
    let allowed = (200, r#"system:anonymous Some(TenantScope::One("mine"))"#.into());
    assert_eq!(ask(CASE).await, allowed);
    assert_eq!(
        ask(Case { headers: &[("x-remote-user", "admin"), ("x-remote-group", "system:masters")], ..CASE })
            .await,
        allowed
    );
    for (case, status, code) in [
        (Case { anonymous: false, ..CASE }, 401, "unauthenticated"),
        (Case { headers: &[("authorization", "Bearer x")], ..CASE }, 401, "unauthenticated"),
        (Case { declared: None, ..CASE }, 403, "forbidden"),
        (Case { tenant: Some("theirs"), ..CASE }, 403, "forbidden"),
        (Case { tenant: Some("*"), ..CASE }, 403, "forbidden"),
        (Case { declared: Some(Reach::Cluster), ..CASE }, 403, "forbidden"),
        (Case { tenant: Some("*"), declared: Some(Reach::Tenant), ..CASE }, 400, "all_namespaces_not_served"),
        (Case { tenant: None, ..CASE }, 400, "tenant_required"),
        (Case { tenant: Some("broken"), ..CASE }, 503, "authorizer_unavailable"),
    ] {
        assert_eq!(ask(case).await, (status, code.into()));
    }
}
