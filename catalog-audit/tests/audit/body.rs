//! What is recorded of a request's body.

use std::{
    convert::Infallible,
    fmt::Write,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use aws_lc_rs::digest::{SHA256, digest};
use axum::Router;
use bytes::Bytes;
use catalog_audit::{
    Audit, AuditConfig, AuditRecorder, AuditWriter, AuditedBody, Event, RecordAuditLayer, WriterConfig,
    event::Outcome,
    store::{AuditQuery, AuditStore, MemoryAuditStore},
};
use catalog_core::{
    context::{RequestContext, RequestContextLayer, RouteInfo},
    http::{Doc, Reply, Routes},
    permission::{Permission, Reach, Resource, Verb},
    problem::Problem,
    store::{Attribution, MemorySourceStore, SourceStore, hook::Unqueued},
    testing::scope,
};
use http::{Method, Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full, Limited};
use serde_json::json;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
};
use tower::{ServiceBuilder, ServiceExt, service_fn};

/// So many parts of so many bytes, made when they are asked for, and then perhaps the end of the connection.
struct Parts {
    left: usize,
    size: usize,
    breaks_off: bool,
    alive: Arc<Alive>,
}

/// How many parts are in memory, and how many were at most.
#[derive(Debug, Default)]
struct Alive {
    now: AtomicUsize,
    most: AtomicUsize,
}

struct Part(Vec<u8>, Arc<Alive>);

impl AsRef<[u8]> for Part {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.1.now.fetch_sub(1, Ordering::SeqCst);
    }
}

fn parts(left: usize, size: usize) -> Parts {
    Parts { left, size, breaks_off: false, alive: Arc::default() }
}

impl Body for Parts {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.left == 0 {
            let end = self.breaks_off.then(|| Err(io::ErrorKind::UnexpectedEof.into()));
            return Poll::Ready(end);
        }
        self.left -= 1;
        let now = self.alive.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.alive.most.fetch_max(now, Ordering::SeqCst);
        let part = Part(vec![b'x'; self.size], Arc::clone(&self.alive));
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_owner(part)))))
    }
}

/// What becomes of a body.
#[derive(Clone, Copy)]
enum Handler {
    /// It is read, up to so many bytes, as a source that is then changed.
    Applies(usize),
    /// Of it one part is read.
    Peeks,
    /// It is not looked at.
    Ignores,
}

async fn handle<B>(request: Request<B>, handler: Handler, events: MemoryAuditStore) -> Response<Full<Bytes>>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let context = RequestContext::find(request.extensions()).unwrap().clone();
    let mut body = request.into_body();
    match handler {
        Handler::Ignores => Response::default(),
        Handler::Peeks => {
            let _ = body.frame().await;
            Response::default()
        }
        Handler::Applies(limit) => {
            let mut body = Limited::new(body, limit);
            while let Some(frame) = body.frame().await {
                match frame {
                    Ok(_) => {}
                    Err(error) if error.is::<http_body_util::LengthLimitError>() => {
                        return Problem::body_too_large("too large").into_response();
                    }
                    Err(_) => return Problem::invalid_body("it breaks off").into_response(),
                }
            }
            let sources = MemorySourceStore::new(AuditRecorder::new(events), Unqueued);
            let spec = serde_json::from_value(json!({"id": "docs", "type": "yaml"})).unwrap();
            let by = Attribution::Request(context);
            sources.apply(&scope("team-a").await, &by, &"mcp".parse().unwrap(), &spec).await.unwrap();
            Response::default()
        }
    }
}

/// What is recorded of a request with that body; none where nothing is.
async fn recorded<B>(body: B, handler: Handler, audited: bool) -> Option<Event>
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let events = MemoryAuditStore::new();
    let writer = AuditWriter::spawn(events.clone(), WriterConfig::default());
    let audit = Audit::new(writer, AuditConfig::default());
    let permission = Permission::new(Verb::Update, Resource::CatalogSources, Reach::Tenant);
    let route = RouteInfo::new("/sources/{id}", permission.into());
    let route = Arc::new(if audited { route.audited() } else { route });
    let store = events.clone();
    let service = ServiceBuilder::new()
        .layer(RequestContextLayer::new())
        .layer(RecordAuditLayer::new(&audit))
        .service(service_fn(move |request: Request<AuditedBody<B>>| {
            let context = RequestContext::find(request.extensions()).unwrap().clone();
            context.set_route(Arc::clone(&route)).unwrap();
            let store = store.clone();
            async move {
                let answer = handle(request, handler, store).await;
                assert!(audited || context.body().is_none(), "what is not recorded is not digested");
                Ok::<_, Infallible>(answer)
            }
        }));
    service.oneshot(Request::put("/sources/docs").body(body).unwrap()).await.unwrap();
    let mut all = events.list(&scope("*").await, &AuditQuery::default()).await.unwrap();
    assert!(all.len() <= 1, "one event: {all:?}");
    all.pop().map(|stored| stored.record.into_event().unwrap())
}

fn sha256(bytes: &[u8]) -> String {
    digest(&SHA256, bytes).as_ref().iter().fold("sha256:".into(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

#[tokio::test]
async fn what_was_read_of_a_body_is_in_the_event_of_the_change_itself() {
    let event = recorded(parts(3, 7), Handler::Applies(1_000), true).await.unwrap();
    assert_eq!((event.details.status_code, event.details.new_revision), (200, Some(1)));
    let told = json!({"bodyBytes": 21, "bodyDigest": sha256(&[b'x'; 21])});
    assert_eq!(json!(event.details.metadata), told);
    // in one piece, whose end is known when it is read
    let event = recorded(Full::from(&b"one"[..]), Handler::Peeks, true).await.unwrap();
    assert_eq!(json!(event.details.metadata), json!({"bodyBytes": 3, "bodyDigest": sha256(b"one")}));
}

#[tokio::test]
async fn of_a_body_that_breaks_off_or_is_too_long_what_was_read_is_told() {
    let broken = Parts { breaks_off: true, ..parts(2, 7) };
    let event = recorded(broken, Handler::Applies(1_000), true).await.unwrap();
    assert_eq!((event.details.status_code, event.details.reason.as_deref()), (400, Some("invalid_body")));
    let told = json!({"bodyBytes": 14, "bodyDigest": sha256(&[b'x'; 14]), "bodyIncomplete": true});
    assert_eq!(json!(event.details.metadata), told);

    let event = recorded(parts(1_000, 7), Handler::Applies(20), true).await.unwrap();
    assert_eq!(event.details.status_code, 413);
    let told = json!({"bodyBytes": 21, "bodyDigest": sha256(&[b'x'; 21]), "bodyIncomplete": true});
    assert_eq!(json!(event.details.metadata), told);

    let event = recorded(parts(2, 7), Handler::Peeks, true).await.unwrap();
    let told = json!({"bodyBytes": 7, "bodyDigest": sha256(&[b'x'; 7]), "bodyIncomplete": true});
    assert_eq!(json!(event.details.metadata), told);
}

#[tokio::test]
async fn of_a_body_that_nobody_reads_nothing_is_told() {
    for (body, handler) in [(parts(2, 7), Handler::Ignores), (parts(0, 0), Handler::Ignores)] {
        let event = recorded(body, handler, true).await.unwrap();
        assert!(event.details.metadata.is_empty(), "{event:?}");
    }
    let event = recorded(Full::<Bytes>::default(), Handler::Applies(9), true).await.unwrap();
    assert!(event.details.metadata.is_empty(), "there is none: {event:?}");
    assert_eq!(recorded(parts(3, 7), Handler::Peeks, false).await, None);
}

/// Sends that to a router that applies what it is sent, goes away, and gives what is recorded.
async fn recorded_of(sent: &str) -> Event {
    let events = MemoryAuditStore::new();
    let writer = AuditWriter::spawn(events.clone(), WriterConfig::default());
    let audit = Audit::new(writer, AuditConfig::default());
    let permission = Permission::new(Verb::Update, Resource::CatalogSources, Reach::Tenant);
    let doc = Doc::new("applySource", "Applies.", Reply::json("Source")).audited();
    let handler = |body: Bytes| async move { body };
    let router: Router = Routes::new()
        .with(Method::PUT, "/sources", permission, doc, handler)
        .into_router(&tower_layer::Identity::new())
        .unwrap()
        .layer(ServiceBuilder::new().layer(RequestContextLayer::new()).layer(RecordAuditLayer::new(&audit)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });
    client.write_all(sent.as_bytes()).await.unwrap();
    client.shutdown().await.unwrap();
    let all = loop {
        let all = events.list(&scope("*").await, &AuditQuery::default()).await.unwrap();
        if !all.is_empty() {
            break all;
        }
        tokio::task::yield_now().await;
    };
    serving.abort();
    assert_eq!(all.len(), 1);
    all.into_iter().next().unwrap().record.into_event().unwrap()
}

#[tokio::test]
async fn of_a_client_that_leaves_before_the_end_of_its_body_what_came_is_told() {
    let head = "PUT /sources HTTP/1.1\r\nhost: x\r\n";
    for (length, part) in [
        ("content-length: 100", "seventeen bytes ."),
        ("transfer-encoding: chunked", "11\r\nseventeen bytes .\r\n"),
    ] {
        let event = recorded_of(&format!("{head}{length}\r\n\r\n{part}")).await;
        assert_eq!((event.details.status_code, event.outcome), (400, Outcome::Failure));
        let told =
            json!({"bodyBytes": 17, "bodyDigest": sha256(b"seventeen bytes ."), "bodyIncomplete": true});
        let mut metadata = event.details.metadata;
        metadata.remove("clientDisconnected");
        assert_eq!(json!(metadata), told);
    }
}

#[tokio::test]
async fn a_body_is_kept_nowhere_however_long_it_is() {
    let (count, size) = (4_096, 64 * 1_024);
    let body = parts(count, size);
    let alive = Arc::clone(&body.alive);
    let event = recorded(body, Handler::Applies(usize::MAX), true).await.unwrap();
    assert_eq!(event.details.metadata["bodyBytes"], count * size);
    assert_eq!((alive.most.load(Ordering::SeqCst), alive.now.load(Ordering::SeqCst)), (1, 0));
}
