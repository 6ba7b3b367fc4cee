//! The layer that refuses what comes too early.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use catalog_core::{
    context::{Peer, RequestContext, RouteInfo},
    identity::{Authenticator, Identity},
    permission::{Permission, Reach, Resource, Verb},
    problem::Problem,
    tenant::TenantSelector,
};
use catalog_tenancy::rate_limit::{Budget, LimitRateLayer, RateLimited, RateLimiters, RouteClass};
use http::{Request, Response};
use http_body_util::Full;
use tower::{Layer, ServiceExt, service_fn};

fn limiters(limits: serde_json::Value) -> RateLimiters {
    RateLimiters::new(&serde_json::from_value(limits).unwrap())
}

/// A request of that peer, or of that user in that tenant with that verb.
fn request(peer: Option<Peer>, caller: Option<(&str, &str, Verb)>) -> Request<()> {
    let mut request = Request::get("/").body(()).unwrap();
    if let Some(peer) = peer {
        request.extensions_mut().insert(peer);
    }
    let (mut parts, ()) = request.into_parts();
    let context = RequestContext::of(&mut parts);
    if let Some((user, tenant, verb)) = caller {
        context.set_identity(Identity::new(user, Authenticator::Token)).unwrap();
        context.set_tenant(TenantSelector::One(tenant.parse().unwrap())).unwrap();
        let access = Permission::new(verb, Resource::Jobs, Reach::Tenant).into();
        context.set_route(Arc::new(RouteInfo::new("/", access))).unwrap();
    }
    Request::from_parts(parts, ())
}

async fn ask(layer: &LimitRateLayer, request: Request<()>) -> Response<Full<Bytes>> {
    let inner = service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new(Full::default())) });
    layer.layer(inner).oneshot(request).await.unwrap()
}

#[tokio::test]
async fn what_comes_too_early_is_told_when_to_come_again() {
    let limiters = limiters(serde_json::json!({"identity": {"read": "120/h burst 2", "refresh": "1/h"}}));
    let layer = LimitRateLayer::callers(&limiters);
    let jane = |verb| request(None, Some(("jane", "team-a", verb)));
    for _ in 0..2 {
        assert_eq!(ask(&layer, jane(Verb::List)).await.status(), 200);
    }
    let refused = ask(&layer, jane(Verb::Get)).await;
    assert_eq!(refused.status(), 429);
    let header = |name: &str| refused.headers()[name].to_str().unwrap();
    assert_eq!(header("retry-after"), "30");
    assert_eq!(header("ratelimit-policy"), "\"identity-read\";q=2;w=60");
    assert_eq!(header("ratelimit"), "\"identity-read\";r=0;t=30");
    let limited = refused.extensions().get::<RateLimited>().unwrap();
    assert_eq!((limited.budget, limited.class), (Budget::Identity, Some(RouteClass::Read)));
    let problem = refused.extensions().get::<Problem>().unwrap();
    assert_eq!(
        (problem.code.as_ref(), problem.detail.as_ref()),
        ("rate_limited", "too many requests of this identity")
    );
    assert!(problem.namespace.is_some() && problem.request_id.is_some());

    assert_eq!(ask(&layer, jane(Verb::Create)).await.status(), 200, "a refresh is another class");
    assert_eq!(ask(&layer, jane(Verb::Create)).await.status(), 429);
    assert_eq!(ask(&layer, jane(Verb::Update)).await.status(), 200, "without a limit there is none");
    let joe = request(None, Some(("joe", "team-a", Verb::List)));
    assert_eq!(ask(&layer, joe).await.status(), 200);
    limiters.forward(Duration::from_secs(30));
    assert_eq!(ask(&layer, jane(Verb::List)).await.status(), 200, "as it was told");
}

#[tokio::test]
async fn a_peer_is_known_by_its_connection_alone() {
    let layer = LimitRateLayer::peers(&limiters(serde_json::json!({"peer": "1/h"})));
    let tcp = |address: &str| Some(Peer::tcp(address.parse::<SocketAddr>().unwrap()));
    assert_eq!(ask(&layer, request(tcp("10.0.0.1:1"), None)).await.status(), 200);
    let mut forwarded = request(tcp("10.0.0.1:2"), None);
    forwarded.headers_mut().insert("x-forwarded-for", "10.0.0.9".parse().unwrap());
    let refused = ask(&layer, forwarded).await;
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.headers()["ratelimit-policy"], "\"peer\";q=1;w=3600");
    assert_eq!(ask(&layer, request(tcp("10.0.0.2:1"), None)).await.status(), 200);
    for _ in 0..3 {
        assert_eq!(ask(&layer, request(Some(Peer::unix()), None)).await.status(), 200);
        assert_eq!(ask(&layer, request(None, None)).await.status(), 200);
    }
}
