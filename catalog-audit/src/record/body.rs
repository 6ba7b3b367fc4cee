use std::{
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use aws_lc_rs::digest::{self, SHA256};
use bytes::Bytes;
use catalog_core::context::{BodyRead, ReadBody, RequestContext, RouteInfo};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::digest::NONE;

pin_project! {
    /// A request's body that is counted and digested while it is read, if the request is one that is recorded. Nothing of it is kept.
    #[derive(Debug)]
    pub struct AuditedBody<B> {
        #[pin]
        inner: B,
        reader: Reader,
    }
}

#[derive(Debug)]
enum Reader {
    /// Nobody wants to know.
    None,
    /// Whether somebody does is known once the request has a route, which it has when it is read.
    Unknown(RequestContext),
    Counting(Arc<Count>),
}

impl<B: Body> AuditedBody<B> {
    /// Of a request that is not looked at.
    pub(super) fn unseen(inner: B) -> Self {
        Self { inner, reader: Reader::None }
    }

    pub(super) fn of(inner: B, context: &RequestContext) -> Self {
        let is_empty = inner.is_end_stream();
        let reader = if is_empty { Reader::None } else { Reader::Unknown(context.clone()) };
        Self { inner, reader }
    }
}

impl Reader {
    fn count(&mut self) -> Option<&Count> {
        if let Self::Unknown(context) = self {
            let count = Arc::<Count>::default();
            let is_audited = context.route().is_some_and(RouteInfo::is_audited);
            // another layer may count already
            let is_noted = is_audited && context.set_body(Arc::<Count>::clone(&count)).is_ok();
            *self = if is_noted { Self::Counting(count) } else { Self::None };
        }
        match self {
            Self::Counting(count) => Some(count),
            Self::None | Self::Unknown(_) => None,
        }
    }
}

impl<B: Body<Data = Bytes>> Body for AuditedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut this = self.project();
        let Some(count) = this.reader.count() else { return this.inner.poll_frame(cx) };
        let frame = ready!(this.inner.as_mut().poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => count.add(frame.data_ref(), this.inner.is_end_stream()),
            Some(Err(_)) => {}
            None => count.add(None, true),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// What was read of one body.
#[derive(Debug)]
struct Count(Mutex<State>);

struct State {
    bytes: u64,
    digest: digest::Context,
    is_whole: bool,
}

impl Default for Count {
    fn default() -> Self {
        Self(Mutex::new(State { bytes: 0, digest: digest::Context::new(&SHA256), is_whole: false }))
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl Count {
    fn add(&self, data: Option<&Bytes>, is_whole: bool) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(data) = data {
            state.bytes += data.len() as u64;
            state.digest.update(data);
        }
        state.is_whole |= is_whole;
    }
}

impl ReadBody for Count {
    fn so_far(&self) -> BodyRead {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sha256 = NONE;
        sha256.copy_from_slice(state.digest.clone().finish().as_ref());
        BodyRead { bytes: state.bytes, sha256, is_whole: state.is_whole }
    }
}
