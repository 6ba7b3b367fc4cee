//! What the layers record of a request, whatever becomes of it.

use std::{
    convert::Infallible,
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use catalog_audit::{
    Audit, AuditConfig, AuditRecorder, AuditWriter, AuditedBody, Event, Guarantee, IntentSweeper,
    PrepareAuditLayer, RecordAuditLayer, WriterConfig,
    event::{EventType, Outcome},
};
use catalog_core::{
    context::{RequestContext, RequestContextLayer, RouteInfo},
    identity::{Authenticator, Identity},
    permission::{Permission, Reach, Resource, Verb},
    problem::Problem,
    store::{Attribution, MemorySourceStore, SourceStore, hook::Unqueued},
    tenant::TenantSelector,
    testing::scope,
};
use futures_util::FutureExt;
use http::{Method, Request, Response};
use http_body_util::Full;
use serde_json::json;
use tokio::sync::Notify;
use tower::{ServiceBuilder, ServiceExt, service_fn, util::BoxCloneService};

use crate::faulty::Faulty;

type Body = Full<Bytes>;
type Seen = AuditedBody<Body>;
type Refusal = fn(&'static str) -> Problem;
type Answer = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

/// A service whose requests are recorded.
struct Stack {
    store: Faulty,
    audit: Audit,
    handled: Arc<AtomicUsize>,
    service: BoxCloneService<Request<Body>, Response<Body>, Infallible>,
}

/// Declares the route and who asks, as layers around the handler would; `/refused` is answered before there is a route.
fn declare(request: &Request<Seen>, audited: bool) {
    let context = RequestContext::find(request.extensions()).unwrap();
    let permission = Permission::new(Verb::Update, Resource::CatalogSources, Reach::Tenant).of_plugin("mcp");
    let route = RouteInfo::new("/sources/{id}:enable", permission.into());
    context.set_route(Arc::new(if audited { route.audited() } else { route })).unwrap();
    context.set_identity(Identity::new("jane", Authenticator::Token)).unwrap();
    context.set_tenant(TenantSelector::One("team-a".parse().unwrap())).unwrap();
}

fn stack(
    guarantee: Guarantee,
    handler: impl Fn(RequestContext, Faulty) -> Answer + Clone + Send + 'static,
) -> Stack {
    let mut config = AuditConfig::default();
    config.guarantee = guarantee;
    stack_of(config, handler)
}

fn stack_of(
    config: AuditConfig,
    handler: impl Fn(RequestContext, Faulty) -> Answer + Clone + Send + 'static,
) -> Stack {
    let store = Faulty::new();
    let audit = Audit::new(AuditWriter::spawn(store.clone(), WriterConfig::default()), config);
    let handled = Arc::new(AtomicUsize::new(0));
    let within = ServiceBuilder::new().layer(PrepareAuditLayer::new(&audit)).service({
        let (store, handled) = (store.clone(), Arc::clone(&handled));
        service_fn(move |request: Request<Seen>| {
            handled.fetch_add(1, Ordering::SeqCst);
            let context = RequestContext::find(request.extensions()).unwrap().clone();
            let answer = handler(context, store.clone());
            async move { Ok::<_, Infallible>(answer.await) }
        })
    });
    let service = ServiceBuilder::new()
        .layer(RequestContextLayer::new())
        .layer(RecordAuditLayer::new(&audit))
        .service(service_fn(move |request: Request<Seen>| {
            let within = within.clone();
            async move {
                match request.uri().path() {
                    "/too-large" => return Ok(Problem::body_too_large("too large").into_response()),
                    "/nowhere" => return Ok(Problem::route_not_found("nowhere").into_response()),
                    path => declare(&request, path != "/unaudited"),
                }
                within.oneshot(request).await
            }
        }));
    Stack { store, audit, handled, service: BoxCloneService::new(service) }
}

impl Stack {
    async fn send(&self, method: Method, path: &str) -> Response<Body> {
        let request = Request::builder().method(method).uri(path).body(Body::default()).unwrap();
        self.service.clone().oneshot(request).await.unwrap()
    }

    async fn post(&self, path: &str) -> Response<Body> {
        self.send(Method::POST, path).await
    }

    async fn event(&self) -> Event {
        let mut events = self.store.events().await;
        assert_eq!(events.len(), 1, "{events:?}");
        events.remove(0)
    }
}

fn answering(problem: Refusal) -> impl Fn(RequestContext, Faulty) -> Answer + Clone + Send {
    move |_, _| Box::pin(std::future::ready(problem("no").into_response()))
}

fn fine() -> impl Fn(RequestContext, Faulty) -> Answer + Clone + Send {
    |_, _| Box::pin(std::future::ready(Response::default()))
}

/// Changes a source in the name of the request.
async fn change(context: &RequestContext, store: &Faulty) {
    let sources = MemorySourceStore::new(AuditRecorder::new(store.inner.clone()), Unqueued);
    let spec = serde_json::from_value(json!({"id": "docs", "type": "yaml"})).unwrap();
    let by = Attribution::Request(context.clone());
    sources.apply(&scope("team-a").await, &by, &"mcp".parse().unwrap(), &spec).await.unwrap();
}

#[tokio::test]
async fn what_is_refused_or_fails_has_one_event_before_it_is_answered() {
    let cases: [(Refusal, u16, Outcome); 7] = [
        (Problem::unauthenticated, 401, Outcome::Denied),
        (Problem::forbidden, 403, Outcome::Denied),
        (Problem::invalid_body, 400, Outcome::Failure),
        (Problem::rate_limited, 429, Outcome::Denied),
        (Problem::revision_conflict, 412, Outcome::Failure),
        (Problem::internal, 500, Outcome::Failure),
        (Problem::timeout, 504, Outcome::Failure),
    ];
    for (problem, status, outcome) in cases {
        let stack = stack(Guarantee::Atomic, answering(problem));
        assert_eq!(stack.post("/sources/docs:enable").await.status(), status);
        let event = stack.event().await;
        assert_eq!((event.outcome, event.details.status_code), (outcome, status));
        assert_eq!(event.details.reason.as_deref(), Some(&*problem("").code));
        assert_eq!((event.actor.as_str(), event.action.as_str()), ("jane", "enable"));
        assert_eq!(
            (event.details.action_verb.as_str(), event.resource_type.as_str()),
            ("update", "catalogsources")
        );
        assert_eq!(event.namespace.unwrap().as_str(), "team-a");
    }
}

#[tokio::test]
async fn what_reads_and_what_is_nowhere_has_none_and_what_is_too_large_has() {
    let stack = stack(Guarantee::Atomic, fine());
    stack.send(Method::GET, "/unaudited").await;
    stack.post("/unaudited").await;
    stack.post("/nowhere").await;
    stack.send(Method::GET, "/too-large").await;
    assert!(stack.store.events().await.is_empty());
    assert_eq!(stack.post("/too-large").await.status(), 413);
    let event = stack.event().await;
    assert_eq!((event.action.as_str(), event.details.status_code, event.actor.as_str()), ("post", 413, ""));
}

#[tokio::test]
async fn reads_are_recorded_when_they_are_audited_or_denied() {
    let denied = stack(Guarantee::Atomic, answering(Problem::forbidden));
    assert_eq!(denied.send(Method::GET, "/unaudited").await.status(), 403);
    // which no read waits for
    while denied.store.events().await.is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(denied.event().await.outcome, Outcome::Denied);
    let audited = stack(Guarantee::Atomic, fine());
    audited.send(Method::GET, "/audited").await;
    assert_eq!(audited.event().await.outcome, Outcome::Success);
}

#[tokio::test]
async fn a_change_and_its_request_are_one_event() {
    let stack = stack(Guarantee::Atomic, |context, store| {
        Box::pin(async move {
            change(&context, &store).await;
            Response::default()
        })
    });
    stack.post("/sources/docs:enable").await;
    let event = stack.event().await;
    assert_eq!(
        (event.event_type, event.outcome, event.details.new_revision),
        (EventType::Request, Outcome::Success, Some(1))
    );
    assert_eq!(stack.store.batches.load(Ordering::SeqCst), 0, "nothing more was written");
}

#[tokio::test]
async fn what_was_done_stays_done_whatever_the_answer_is() {
    let stack = stack(Guarantee::Atomic, |context, store| {
        Box::pin(async move {
            change(&context, &store).await;
            panic!("as told")
        })
    });
    let panicked = AssertUnwindSafe(stack.post("/sources/docs:enable")).catch_unwind().await;
    assert_eq!(panicked.unwrap_err().downcast_ref(), Some(&"as told"));
    assert_eq!(stack.event().await.outcome, Outcome::Success, "the transaction was committed");
}

#[tokio::test]
async fn a_panic_has_one_event_and_goes_on() {
    let stack = stack(Guarantee::Atomic, |_, _| panic!("as told"));
    AssertUnwindSafe(stack.post("/sources/docs:enable")).catch_unwind().await.unwrap_err();
    let event = stack.event().await;
    assert_eq!(
        (event.outcome, event.details.status_code, event.details.reason.as_deref()),
        (Outcome::Failure, 500, Some("panic"))
    );
}

#[tokio::test]
async fn a_client_that_goes_away_cancels_nothing() {
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let stack = stack(Guarantee::Atomic, {
        let (begun, go_on) = (Arc::clone(&begun), Arc::clone(&go_on));
        move |_, _| {
            let (begun, go_on) = (Arc::clone(&begun), Arc::clone(&go_on));
            Box::pin(async move {
                begun.notify_one();
                go_on.notified().await;
                Response::default()
            })
        }
    });
    tokio::select! {
        _ = stack.post("/sources/docs:enable") => unreachable!("nobody let it go on"),
        () = begun.notified() => {}
    }
    assert!(stack.store.events().await.is_empty());
    go_on.notify_one();
    stack.audit.settle().await;
    let event = stack.event().await;
    assert_eq!(event.outcome, Outcome::Success);
    assert_eq!(event.details.metadata["clientDisconnected"], true);
}

#[tokio::test]
async fn so_many_run_at_once_and_no_more_whether_anybody_waits_or_not() {
    let go_on = Arc::new(Notify::new());
    let mut config = AuditConfig::default();
    config.running = 2;
    let stack = stack_of(config, {
        let go_on = Arc::clone(&go_on);
        move |_, _| {
            let go_on = Arc::clone(&go_on);
            Box::pin(async move {
                go_on.notified().await;
                Response::default()
            })
        }
    });
    for running in 1..=2 {
        let abandoned = stack.post("/sources/docs:enable");
        tokio::select! {
            _ = abandoned => unreachable!("nobody let it go on"),
            () = async {
                while stack.handled.load(Ordering::SeqCst) < running {
                    tokio::task::yield_now().await;
                }
            } => {}
        }
    }
    let refused = stack.post("/sources/docs:enable").await;
    assert_eq!(refused.extensions().get::<Problem>().unwrap().code, "audit_unavailable");
    assert_eq!(stack.send(Method::GET, "/too-large").await.status(), 413, "reads go on");
    go_on.notify_waiters();
    while stack.store.events().await.len() < 2 {
        tokio::task::yield_now().await;
    }
    go_on.notify_one();
    let mut answered = stack.post("/sources/docs:enable").await;
    while answered.status() == 503 {
        answered = stack.post("/sources/docs:enable").await;
    }
    assert_eq!((answered.status().as_u16(), stack.handled.load(Ordering::SeqCst)), (200, 3));
}

#[tokio::test]
async fn the_event_of_a_replayed_request_says_so() {
    let stack = stack(Guarantee::Atomic, |_, _| {
        let answer = Response::builder().header("idempotency-replayed", "true").body(Body::default());
        Box::pin(std::future::ready(answer.unwrap()))
    });
    stack.post("/sources/docs:enable").await;
    assert_eq!(stack.event().await.details.metadata["idempotencyReplayed"], true);
}

#[tokio::test]
async fn an_audited_read_that_nobody_waits_for_is_told() {
    let stack = stack(Guarantee::Atomic, |_, _| Box::pin(std::future::pending()));
    tokio::select! {
        biased;
        _ = stack.send(Method::GET, "/audited") => unreachable!("it is never answered"),
        () = tokio::task::yield_now() => {}
    }
    while stack.store.events().await.is_empty() {
        tokio::task::yield_now().await;
    }
    let event = stack.event().await;
    assert_eq!((event.outcome, event.details.reason.as_deref()), (Outcome::Failure, Some("client_gone")));
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_done_and_reads_go_on() {
    for guarantee in [Guarantee::Atomic, Guarantee::Intent] {
        let stack = stack(guarantee, answering(Problem::forbidden));
        stack.store.down.store(true, Ordering::SeqCst);
        assert_eq!(stack.post("/sources/docs:enable").await.status(), 503, "a refusal that is not recorded");
        let handled = stack.handled.load(Ordering::SeqCst);
        let refused = stack.post("/sources/docs:enable").await;
        assert_eq!(
            (refused.status().as_u16(), refused.headers()["retry-after"].to_str().unwrap()),
            (503, "1")
        );
        assert_eq!(refused.extensions().get::<Problem>().unwrap().code, "audit_unavailable");
        assert_eq!(stack.handled.load(Ordering::SeqCst), handled, "it did not come to its handler");
        assert_eq!(stack.send(Method::GET, "/unaudited").await.status(), 403);
        assert!(stack.store.events().await.is_empty());
    }
}

#[tokio::test]
async fn best_effort_waits_for_nothing() {
    let stack = stack(Guarantee::BestEffort, fine());
    stack.store.down.store(true, Ordering::SeqCst);
    assert_eq!(stack.post("/sources/docs:enable").await.status(), 200);
    stack.store.down.store(false, Ordering::SeqCst);
    assert_eq!(stack.post("/sources/docs:enable").await.status(), 200);
    while stack.store.events().await.is_empty() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_request_that_is_cut_off_is_told_as_unknown() {
    let begun = Arc::new(Notify::new());
    let stack = stack(Guarantee::Intent, {
        let begun = Arc::clone(&begun);
        move |_, _| {
            let begun = Arc::clone(&begun);
            Box::pin(async move {
                begun.notify_one();
                std::future::pending().await
            })
        }
    });
    tokio::select! {
        _ = stack.post("/sources/docs:enable") => unreachable!("it is never answered"),
        () = begun.notified() => {}
    }
    // the process is gone, and another one sweeps
    let sweeper = IntentSweeper::new(stack.store.clone(), std::time::Duration::ZERO);
    while sweeper.sweep().await.unwrap() == 0 {
        tokio::task::yield_now().await;
    }
    let event = stack.event().await;
    assert_eq!((event.outcome, event.details.reason.as_deref()), (Outcome::Unknown, Some("interrupted")));
    assert_eq!((event.actor.as_str(), event.action.as_str()), ("jane", "enable"));
}
