//! Watching a collection: a stream of JSON lines that ends when its time is over.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, stream};
use http_body::Frame;
use serde_json::{Value, json};
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep_until};

use super::fault::Subject;
use super::list::{self, refuse_initial_events};
use super::object;
use super::request::Call;
use super::resource::Resource;
use super::selector::Filter;
use super::server::{Server, State};
use super::status::Failure;
use super::store::{Change, Happening};

/// How long a watch runs that does not say how long.
const DEFAULT_TIMEOUT: Duration = Duration::from_mins(30);

/// How often a quiet watch tells how far it is, if it was asked to.
const BOOKMARK_EVERY: Duration = Duration::from_mins(1);

/// How a watch is ended from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// As when its time is over.
    End,
    /// As when the connection breaks.
    Break,
}

/// A watch that somebody reads, to be cut by a test.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) subject: Subject,
    pub(super) cut: oneshot::Sender<Cut>,
}

/// One watch.
#[derive(Debug)]
pub(super) struct Watch {
    server: Arc<Server>,
    resource: &'static Resource,
    /// The namespace with a slash, or nothing.
    prefix: String,
    filter: Filter,
    /// All changes up to here were told.
    position: u64,
    /// Lines that wait to be told.
    pending: Bytes,
    bookmarks: bool,
    next_bookmark: Instant,
    deadline: Instant,
    changed: watch::Receiver<u64>,
    cut: oneshot::Receiver<Cut>,
    over: bool,
}

impl Watch {
    /// Starts where the request says; what is there already comes as added if it says nothing.
    pub(super) fn open(
        server: &Arc<Server>,
        state: &mut State,
        call: &Call,
        subject: Subject,
        resource: &'static Resource,
    ) -> Result<Self, Failure> {
        refuse_initial_events(call, "watch")?;
        let filter = Filter::new(resource, call.parameter("labelSelector"), call.parameter("fieldSelector"))?;
        let timeout = call.number("timeoutSeconds")?.filter(|seconds| *seconds > 0);
        let asked = list::parse_version(call.parameter("resourceVersion"))?.unwrap_or(0);
        let (sender, cut) = oneshot::channel();
        let now = Instant::now();
        let namespace = &call.attributes.namespace;
        let mut watch = Self {
            server: Arc::clone(server),
            resource,
            // A namespace that is watched alone carries its own name as namespace.
            prefix: if resource.namespaced && !namespace.is_empty() {
                format!("{namespace}/")
            } else {
                String::new()
            },
            filter,
            position: asked,
            pending: Bytes::new(),
            bookmarks: call.flag("allowWatchBookmarks"),
            next_bookmark: now + BOOKMARK_EVERY,
            deadline: now + timeout.map_or(DEFAULT_TIMEOUT, Duration::from_secs),
            changed: server.changed.subscribe(),
            cut,
            over: false,
        };
        let store = &state.store;
        if asked == 0 {
            watch.position = store.revision();
            let namespace = watch.prefix.trim_end_matches('/');
            let objects = store.list(resource, namespace).map(|(_, object)| object);
            watch.pending = objects
                .filter(|object| watch.filter.matches(object))
                .flat_map(|object| line("ADDED", object))
                .collect::<Vec<u8>>()
                .into();
        } else if asked < store.compacted() {
            // Once the request was read as a watch, even this is told in the stream.
            let message = format!("too old resource version: {asked} ({})", store.compacted());
            watch.pending = line("ERROR", &Failure::expired(message).body()).into();
            watch.over = true;
        }
        state.watches.retain(|open| !open.cut.is_closed());
        state.watches.push(Open { subject, cut: sender });
        Ok(watch)
    }

    /// The frames of the body.
    pub(super) fn into_stream(self) -> impl Stream<Item = Result<Frame<Bytes>, io::Error>> + Send {
        stream::unfold(self, |mut watch| async move { Some((watch.next().await?, watch)) })
    }

    async fn next(&mut self) -> Option<Result<Frame<Bytes>, io::Error>> {
        loop {
            if !self.pending.is_empty() {
                return Some(Ok(Frame::data(std::mem::take(&mut self.pending))));
            }
            if self.over {
                return None;
            }
            // Seen before the look, so that no change slips in between.
            self.changed.mark_unchanged();
            self.collect();
            if !self.pending.is_empty() {
                continue;
            }
            let bookmark_at = self.next_bookmark;
            tokio::select! {
                biased;
                cut = &mut self.cut => {
                    self.over = true;
                    if cut == Ok(Cut::Break) {
                        return Some(Err(io::Error::from(io::ErrorKind::ConnectionReset)));
                    }
                }
                changed = self.changed.changed() => self.over = changed.is_err(),
                () = sleep_until(self.deadline) => {
                    self.over = true;
                    self.bookmark();
                }
                () = sleep_until(bookmark_at), if self.bookmarks => {
                    self.next_bookmark = Instant::now() + BOOKMARK_EVERY;
                    self.bookmark();
                }
            }
        }
    }

    fn bookmark(&mut self) {
        if self.bookmarks {
            let bookmark = json!({
                "kind": self.resource.kind,
                "apiVersion": self.resource.api_version(),
                "metadata": { "resourceVersion": self.position.to_string(), "creationTimestamp": null },
            });
            self.pending = line("BOOKMARK", &bookmark).into();
        }
    }

    /// Reads what happened since the last look.
    fn collect(&mut self) {
        let state = self.server.state();
        let changes = state.store.since(self.position);
        let lines: Vec<u8> = changes
            .iter()
            .filter(|change| {
                change.key.resource == self.resource.qualified && change.key.path.starts_with(&self.prefix)
            })
            .filter_map(|change| tell(change, &self.filter))
            .flatten()
            .collect();
        self.position = changes.last().map_or(self.position, |change| change.revision);
        drop(state);
        self.pending = lines.into();
    }
}

/// What a change is to somebody who sees only what passes the filter.
fn tell(change: &Change, filter: &Filter) -> Option<Vec<u8>> {
    let now = change.happening != Happening::Deleted && filter.matches(&change.object);
    let before = change.previous.as_ref().filter(|previous| filter.matches(previous));
    match (before, now) {
        (None, true) => Some(line("ADDED", &change.object)),
        (Some(_), true) => Some(line("MODIFIED", &change.object)),
        (Some(previous), false) => {
            // As it last was when it still passed.
            let mut object = previous.clone();
            object::set_resource_version(&mut object, change.revision);
            Some(line("DELETED", &object))
        }
        (None, false) => None,
    }
}

fn line(kind: &str, object: &Value) -> Vec<u8> {
    format!("{}\n", json!({ "type": kind, "object": object })).into_bytes()
}
