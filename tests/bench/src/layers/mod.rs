//! What each layer adds to a request, in this process and without a network.

mod authorizers;
mod tokens;

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
use catalog_rbac::{
    AuthorizeLayer,
    authenticate::{AuthenticateLayer, AuthenticatorChain, OidcAuthenticator, TokenAuthenticator, TokenList},
};
use catalog_tenancy::{
    ResolveTenantLayer,
    admit::AdmitTenantLayer,
    bulkhead::{BulkheadConfig, IsolateTenantLayer, Permits},
    directory::ConfiguredDirectory,
    rate_limit::{LimitRateLayer, RateLimiters},
};
use http::{HeaderValue, Request, Response, header::AUTHORIZATION};
use tower::{Layer, Service, ServiceBuilder, service_fn, util::BoxCloneService};

use self::tokens::Tokens;
use crate::{
    AnyError,
    table::{median, spread},
};

type Answering = BoxCloneService<Request<Body>, Response<Body>, Infallible>;

/// Requests of one round.
const REQUESTS: u32 = 200_000;
/// Tokens that are verified in one round, each for the first time.
const TOKENS: usize = 5_000;
const TOKEN: &str = "a-token-of-the-list-and-no-other";
const USER: &str = "jane@example.com";
/// Requests that are made up at once, outside of what is measured.
const BATCH: usize = 1_000;

/// One layer, and how long it may take.
struct Row {
    what: &'static str,
    service: Answering,
    comes: Comes,
    /// In nanoseconds; none is for comparison.
    goal: Option<f64>,
}

/// What is known of a request when it comes to the layer.
enum Comes {
    /// Who asks and for which tenant.
    Whole,
    /// Who asks.
    Known,
    /// Nothing but what it shows: one of those headers. What is `forgotten` first makes each of them new.
    Showing { headers: Vec<HeaderValue>, forgotten: Option<OidcAuthenticator> },
}

impl Comes {
    /// Requests of one round.
    fn requests(&self) -> u32 {
        match self {
            Self::Showing { headers, forgotten: Some(_) } => u32::try_from(headers.len()).unwrap_or(REQUESTS),
            _ => REQUESTS,
        }
    }
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
    let tokens = Tokens::rs256(TOKENS).await?;
    let chain = || AuthenticatorChain::new().with(tokens.authenticator.clone());
    let fixed = TokenList::new().with_plain_token(TOKEN, Identity::new(USER, Authenticator::Token))?;
    let showing = |headers, forgotten| Comes::Showing { headers, forgotten };
    let by_list = AuthenticateLayer::new(AuthenticatorChain::new().with(TokenAuthenticator::new(fixed)));
    let engine = AuthorizeLayer::new(authorizers::embedded(10_000, USER)?);
    let cluster = AuthorizeLayer::new(authorizers::cluster(Arc::clone(&directory), USER).await?);
    let admit = AdmitTenantLayer::new(directory);
    let bearer = HeaderValue::try_from(format!("Bearer {TOKEN}"))?;
    let row = |what, service, comes, goal| Row { what, service, comes, goal };
    let rows = [
        row("nothing", around(tower::layer::util::Identity::new()), Comes::Whole, None),
        row("authenticate: a token of a list", around(by_list), showing(vec![bearer], None), None),
        row(
            "authenticate: RS256, verdict kept",
            around(AuthenticateLayer::new(chain())),
            showing(tokens.headers.iter().take(1).cloned().collect(), None),
            Some(500.0),
        ),
        row(
            "authenticate: RS256, verified",
            around(AuthenticateLayer::new(chain())),
            showing(tokens.headers.clone(), Some(tokens.authenticator.clone())),
            Some(30_000.0),
        ),
        row("authorize: RBAC, 10,000 bindings", around(engine), Comes::Whole, None),
        row("authorize: cluster, answer kept", around(cluster), Comes::Whole, Some(500.0)),
        row("resolve: query and header", around(ResolveTenantLayer::many()), Comes::Known, Some(300.0)),
        row("limits: peer", around(LimitRateLayer::peers(&limiters)), Comes::Whole, None),
        row(
            "limits: identity and tenant",
            around(LimitRateLayer::callers(&limiters)),
            Comes::Whole,
            Some(500.0),
        ),
        row("admit: known to the directory", around(admit), Comes::Whole, None),
        row("bulkhead", around(IsolateTenantLayer::new(&permits)), Comes::Whole, None),
        row("all of tenancy", around(all), Comes::Known, None),
    ];
    println!(
        "nanoseconds a request on one thread, {rounds} rounds of {REQUESTS} requests ({TOKENS} where each token is \
         new), less those of `nothing`\n"
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
        let (least, most) = spread(times);
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
    let access = Permission::new(Verb::List, Resource::Assets, Reach::TenantOrAll).into();
    let route = Arc::new(RouteInfo::new("/models", access));
    if let Comes::Showing { forgotten: Some(authenticator), .. } = &row.comes {
        authenticator.forget_verdicts();
    }
    let (mut spent, requests) = (0.0, row.comes.requests());
    for batch in 0..(requests as usize / BATCH) {
        let numbers = batch * BATCH..(batch + 1) * BATCH;
        let requests: Vec<_> =
            numbers.map(|number| request(&route, &row.comes, number)).collect::<Result<_, _>>()?;
        let begun = Instant::now();
        for request in requests {
            let response = black_box(service.call(request).await?);
            if !response.status().is_success() {
                return Err(format!("`{}` answers {}", row.what, response.status()).into());
            }
        }
        spent += begun.elapsed().as_secs_f64();
    }
    Ok(spent * 1e9 / f64::from(requests))
}

/// A request as it comes to the layers.
fn request(route: &Arc<RouteInfo>, comes: &Comes, number: usize) -> Result<Request<Body>, AnyError> {
    let mut request = Request::get("/models?pageSize=20&namespace=t0").body(Body::empty())?;
    request.headers_mut().insert("x-namespace", HeaderValue::from_static("t0"));
    request.extensions_mut().insert(Peer::tcp(([127, 0, 0, 1], 4_711).into()));
    if let Comes::Showing { headers, .. } = comes {
        let shown = headers.get(number % headers.len().max(1)).ok_or("nothing to show")?;
        request.headers_mut().insert(AUTHORIZATION, shown.clone());
    }
    let (mut parts, body) = request.into_parts();
    let context = RequestContext::of(&mut parts);
    context.set_route(Arc::clone(route))?;
    if !matches!(comes, Comes::Showing { .. }) {
        context.set_identity(Identity::new(USER, Authenticator::Oidc))?;
    }
    if matches!(comes, Comes::Whole) {
        context.set_tenant(TenantSelector::One("t0".parse()?))?;
    }
    Ok(Request::from_parts(parts, body))
}
