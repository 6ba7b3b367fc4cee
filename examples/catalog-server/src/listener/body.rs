use std::{
    pin::Pin,
    task::{Context, Poll},
};

use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};

use super::activity::Exchange;

/// A part of an answer is no longer, in bytes: what was handed over whole could not be seen to stand still.
const PART: usize = 64 * 1_024;

/// An answer whose progress is noted. It is over when it is dropped.
#[derive(Debug)]
pub(super) struct WatchedBody {
    inner: Body,
    rest: Bytes,
    exchange: Exchange,
}

impl WatchedBody {
    pub(super) fn new(inner: Body, exchange: Exchange) -> Self {
        // a client that lets nothing through never has it asked for its first part
        exchange.waits_for_client();
        Self { inner, rest: Bytes::new(), exchange }
    }

    /// The next part of what is here.
    fn part(&mut self) -> Frame<Bytes> {
        let length = self.rest.len().min(PART);
        Frame::data(self.rest.split_to(length))
    }
}

impl HttpBody for WatchedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if !self.rest.is_empty() {
            self.exchange.waits_for_client();
            return Poll::Ready(Some(Ok(self.part())));
        }
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        if polled.is_pending() {
            self.exchange.waits_for_server();
        } else {
            self.exchange.waits_for_client();
        }
        polled.map(|frame| match frame?.map(Frame::into_data) {
            Ok(Ok(data)) => {
                self.rest = data;
                Some(Ok(self.part()))
            }
            Ok(Err(other)) => Some(Ok(other)),
            Err(error) => Some(Err(error)),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (inner, rest) = (self.inner.size_hint(), self.rest.len() as u64);
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower().saturating_add(rest));
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::future::poll_fn;

    use super::{super::activity::Activity, *};

    #[tokio::test]
    async fn an_answer_is_handed_over_in_parts_and_none_is_lost() {
        let whole = Bytes::from((0..=250_u8).cycle().take(PART * 2 + 7).collect::<Vec<_>>());
        let exchange = Activity::begin(&Arc::new(Activity::default()));
        let mut body = WatchedBody::new(Body::from(whole.clone()), exchange);
        let mut read = Vec::new();
        assert_eq!(body.size_hint().exact(), Some(whole.len() as u64));
        while !body.is_end_stream() {
            let frame = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await.unwrap().unwrap();
            let data = frame.into_data().unwrap();
            assert!(data.len() <= PART);
            read.extend_from_slice(&data);
            assert_eq!(body.size_hint().exact(), Some((whole.len() - read.len()) as u64));
        }
        assert_eq!(read, whole);
    }
}
