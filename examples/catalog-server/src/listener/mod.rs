//! Taking connections: so many at once, each for as long as it moves.

mod activity;
mod body;
mod stream;

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{Router, body::Body};
use catalog_core::context::Peer;
use http::Request;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
};
use tower::ServiceExt;

use self::{
    activity::{Activity, Quiet},
    body::WatchedBody,
    stream::WatchedStream,
};

/// What connections may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// How many may be open; others wait to be taken.
    pub(crate) connections: u32,
    /// How long a connection may be without a whole request: before its first, in the middle of a head, between two.
    pub(crate) header_timeout: Duration,
    /// How long a client may take no byte of an answer that waits for it.
    pub(crate) write_timeout: Duration,
}

impl Limits {
    /// How often a connection is looked at.
    fn tick(self) -> Duration {
        (self.header_timeout.min(self.write_timeout) / 4).max(SETTLE)
    }
}

/// How long what has just arrived may take to become a request, when a connection is about to end.
const SETTLE: Duration = Duration::from_millis(100);
/// How long to wait after a connection could not be taken for want of something.
const EXHAUSTED: Duration = Duration::from_millis(500);
/// Between two warnings that no more connections are taken.
const BETWEEN_WARNINGS: Duration = Duration::from_mins(1);
/// Of what is read and written on an HTTP/1 connection, in bytes; a head is no longer.
const BUFFER: usize = 64 * 1_024;
/// Of the headers of an HTTP/2 request, in bytes.
const HEADER_LIST: u32 = 64 * 1_024;
/// Requests at once on an HTTP/2 connection.
const STREAMS: u32 = 100;
/// How often an HTTP/2 client that says nothing is asked whether it is there, and how long it may take to answer.
const PING: Duration = Duration::from_secs(20);

/// Serves on what comes in, HTTP/1.1 and HTTP/2 alike, until `leave`; then no connection is taken, those that are between two
/// requests are closed, and it ends when the requests under way have been answered. Requests carry their peer as
/// [`Peer`].
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    leave: impl Future<Output = ()>,
) {
    let slots =
        Arc::new(Semaphore::new(usize::try_from(limits.connections).unwrap_or(Semaphore::MAX_PERMITS)));
    let leaving = watch::Sender::new(false);
    let router = router.with_state(());
    let mut leave = pin!(leave);
    let mut warned = None;
    loop {
        let (stream, peer, slot) = tokio::select! {
            () = &mut leave => break,
            taken = take(&listener, &slots, &mut warned) => taken,
        };
        tokio::spawn(drive(stream, peer, slot, router.clone(), limits, leaving.subscribe()));
    }
    drop(listener);
    leaving.send_replace(true);
    // all of them are back when every connection has ended; the semaphore is never closed
    let _ = slots.acquire_many(limits.connections).await;
}

/// The next connection and the slot that it takes.
async fn take(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
    warned: &mut Option<Instant>,
) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    if slots.available_permits() == 0 && warned.is_none_or(|at| at.elapsed() > BETWEEN_WARNINGS) {
        *warned = Some(Instant::now());
        tracing::warn!("as many connections are open as may be; others wait");
    }
    loop {
        // the semaphore is never closed
        let Ok(slot) = Arc::clone(slots).acquire_owned().await else { return std::future::pending().await };
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, slot),
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "no connection can be taken");
                tokio::time::sleep(EXHAUSTED).await;
            }
        }
    }
}

/// Whether the next connection may be better.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Serves one connection until it ends, or no longer moves.
async fn drive(
    stream: TcpStream,
    peer: SocketAddr,
    slot: OwnedSemaphorePermit,
    router: Router,
    limits: Limits,
    mut leaving: watch::Receiver<bool>,
) {
    // answers are written whole; if it cannot be had, they are a little later
    let _ = stream.set_nodelay(true);
    let activity = Arc::new(Activity::default());
    let service = service_fn({
        let activity = Arc::clone(&activity);
        move |request: Request<Incoming>| {
            let (router, exchange) = (router.clone(), Activity::begin(&activity));
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(Peer::tcp(peer));
            async move {
                let response = router.oneshot(request).await?;
                Ok::<_, Infallible>(response.map(|body| WatchedBody::new(body, exchange)))
            }
        }
    });
    let builder = builder(limits);
    let io = TokioIo::new(WatchedStream::new(stream, Arc::clone(&activity)));
    let mut connection = pin!(builder.serve_connection(io, service));
    let mut tick = tokio::time::interval(limits.tick());
    let mut ending = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%peer, error, "a connection failed");
                }
                break;
            }
            _ = leaving.wait_for(|leaving| *leaving), if !ending => {
                ending = true;
                connection.as_mut().graceful_shutdown();
                tick = tokio::time::interval_at(tokio::time::Instant::now() + SETTLE, SETTLE);
            }
            _ = tick.tick() => match activity.look(Instant::now()) {
                Quiet::Stalled(since) if since >= limits.write_timeout => {
                    tracing::info!(%peer, "a client that takes no answer was cut off");
                    break;
                }
                // what it has been told has been written, so nothing is lost
                Quiet::Idle(_) if ending => break,
                Quiet::Idle(since) if since >= limits.header_timeout => {
                    ending = true;
                    connection.as_mut().graceful_shutdown();
                }
                Quiet::Idle(_) | Quiet::Stalled(_) | Quiet::Not => {}
            },
        }
    }
    drop(slot);
}

fn builder(limits: Limits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(limits.header_timeout).max_buf_size(BUFFER);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING)
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEADER_LIST)
        .max_send_buf_size(BUFFER);
    builder
}
