//! What each layer adds to a request, in this process and without a network.

use std::{convert::Infallible, hint::black_box, sync::Arc, time::Instant};

use axum::body::Body;
use bytes::Bytes;
use catalog_core::{
    context::{Peer, RequestContext, RouteInfo},
    directory::NamespaceDirectory,
    identity::{Authenticator, Identity},
    permission::{Permission, Reach, Resource, Verb},
    tenant::TenantSelector,
};
use catalog_tenancy::{
    ResolveTenantLayer,
    admit::AdmitTenantLayer,
    bulkhead::{BulkheadConfig, IsolateTenantLayer, Permits},
    directory::ConfiguredDirectory,
    rate_limit::{LimitRateLayer, RateLimiters},
};
use http::{HeaderValue, Request, Response};
use tower::{Layer, Service, ServiceBuilder, service_fn, util::BoxCloneService};

use crate::{AnyError, table::median};

type Answering = BoxCloneService<Request<Body>, Response<Body>, Infallible>;

/// Requests of one round.
const REQUESTS: u32 = 200_000;
/// Requests that are made up at once, outside of what is measured.
const BATCH: usize = 1_000;

/// One layer, and how long it may take.
struct Row {
    what: &'static str,
    service: Answering,
    /// Whether the request comes with its tenant found.
    resolved: bool,
    /// In nanoseconds; none is for comparison.
    goal: Option<f64>,
}

/// Measures each layer by turns, and prints a table: nanoseconds a request, less those of the same without the layer.
pub(crate) async fn run(rounds: usize) -> Result<(), AnyError> {
    let limits = serde_json::json!({
        "peer": "1000000/s burst 1000000000",
        "tenant": {"read": "1000000/s burst 1000000000"}, "identity": {"read": "1000000/s burst 1000000000"},
    });
    let limiters = RateLimiters::new(&serde_json::from_value(limits)?);
    let directory: Arc<dyn NamespaceDirectory> =
        Arc::new(ConfiguredDirectory::of_names(["t0".parse()?, "t1".parse()?]));
    let permits = Permits::many(BulkheadConfig::default());
    let all = ServiceBuilder::new()
        .layer(LimitRateLayer::peers(&limiters))
        .layer(ResolveTenantLayer::many())
        .layer(AdmitTenantLayer::new(Arc::clone(&directory)))
        .layer(LimitRateLayer::callers(&limiters))
        .layer(IsolateTenantLayer::new(&permits));
    let row = |what, service, resolved, goal| Row { what, service, resolved, goal };
    let rows = [
        row("nothing", around(tower::layer::util::Identity::new()), true, None),
        row("resolve: query and header", around(ResolveTenantLayer::many()), false, Some(300.0)),
        row("limits: peer", around(LimitRateLayer::peers(&limiters)), true, None),
        row("limits: identity and tenant", around(LimitRateLayer::callers(&limiters)), true, Some(500.0)),
        row("admit: known to the directory", around(AdmitTenantLayer::new(directory)), true, None),
        row("bulkhead", around(IsolateTenantLayer::new(&permits)), true, None),
        row("all of them", around(all), false, None),
    ];
    println!(
        "nanoseconds a request on one thread, {rounds} rounds of {REQUESTS} requests, less those of `nothing`\n"
    );
    println!("{:34} {:>8} {:>17} {:>7}", "layer", "median", "(min-max)", "goal");
    let mut times: Vec<Vec<f64>> = rows.iter().map(|_| Vec::new()).collect();
    for _ in 0..rounds {
        let mut nothing = 0.0;
        for (row, times) in rows.iter().zip(&mut times) {
            let time = measure(row).await?;
            times.push(time - nothing);
            if row.what == "nothing" {
                nothing = time;
            }
        }
    }
    for (row, times) in rows.iter().zip(&times) {
        let least = times.iter().copied().fold(f64::INFINITY, f64::min);
        let most = times.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let (median, spread) = (median(times), format!("({least:.0}-{most:.0})"));
        let goal = row
            .goal
            .map_or("-".into(), |goal| format!("{} {goal:.0}", if median <= goal { "<=" } else { "! <=" }));
        println!("{:34} {median:>8.0} {spread:>17} {goal:>7}", row.what);
    }
    Ok(())
}

fn around<L>(layer: L) -> Answering
where
    L: Layer<
        tower::util::ServiceFn<fn(Request<Body>) -> std::future::Ready<Result<Response<Body>, Infallible>>>,
    >,
    L::Service:
        Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    <L::Service as Service<Request<Body>>>::Future: Send,
{
    let answer: fn(Request<Body>) -> _ =
        |_| std::future::ready(Ok(Response::new(Body::from(Bytes::from_static(b"{}")))));
    BoxCloneService::new(layer.layer(service_fn(answer)))
}

async fn measure(row: &Row) -> Result<f64, AnyError> {
    let mut service = row.service.clone();
    let route = Arc::new(RouteInfo {
        template: "/models".into(),
        access: Permission::new(Verb::List, Resource::Assets, Reach::TenantOrAll).into(),
    });
    let mut spent = 0.0;
    for _ in 0..(REQUESTS as usize / BATCH) {
        let requests: Vec<_> = (0..BATCH).map(|_| request(&route, row.resolved)).collect::<Result<_, _>>()?;
        let begun = Instant::now();
        for request in requests {
            black_box(service.call(request).await?);
        }
        spent += begun.elapsed().as_secs_f64();
    }
    Ok(spent * 1e9 / f64::from(REQUESTS))
}

/// A request as it comes to the layers: with its context, its route and its identity.
fn request(route: &Arc<RouteInfo>, resolved: bool) -> Result<Request<Body>, AnyError> {
    let mut request = Request::get("/models?pageSize=20&namespace=t0").body(Body::empty())?;
    request.headers_mut().insert("x-namespace", HeaderValue::from_static("t0"));
    request.extensions_mut().insert(Peer::tcp(([127, 0, 0, 1], 4_711).into()));
    let (mut parts, body) = request.into_parts();
    let context = RequestContext::of(&mut parts);
    context.set_route(Arc::clone(route))?;
    context.set_identity(Identity::new("jane@example.com", Authenticator::Oidc))?;
    if resolved {
        context.set_tenant(TenantSelector::One("t0".parse()?))?;
    }
    Ok(Request::from_parts(parts, body))
}
