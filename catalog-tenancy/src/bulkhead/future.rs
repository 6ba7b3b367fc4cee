use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::Response;
use pin_project_lite::pin_project;

use super::Permit;
use crate::ResponseFuture;

pin_project! {
    /// The future of [`IsolateTenant`](super::IsolateTenant).
    pub struct IsolateFuture<F, B>
    where
        F: Future,
    {
        #[pin]
        inner: ResponseFuture<F, B>,
        permit: Option<Permit>,
    }
}

impl<F: Future, B> IsolateFuture<F, B> {
    pub(super) fn new(inner: ResponseFuture<F, B>, permit: Option<Permit>) -> Self {
        Self { inner, permit }
    }
}

impl<F, B, E> Future for IsolateFuture<F, B>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let answer = ready!(this.inner.poll(cx));
        this.permit.take();
        Poll::Ready(answer)
    }
}

impl<F: Future, B> fmt::Debug for IsolateFuture<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IsolateFuture").finish_non_exhaustive()
    }
}
