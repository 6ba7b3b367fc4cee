//! The future of layers that refuse a request, pass it on, or have to wait before they know.

use std::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll},
};

use http::Response;
use pin_project_lite::pin_project;

/// Takes the service that is ready, and leaves a clone that is not yet in its place: for what calls it later.
pub fn take_ready<S: Clone>(service: &mut S) -> S {
    let clone = service.clone();
    mem::replace(service, clone)
}

pin_project! {
    /// The answer of a service within, or a refusal that is there already.
    pub struct ResponseFuture<F, B>
    where
        F: Future,
    {
        #[pin]
        state: State<F, B>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F, B>
    where
        F: Future,
    {
        Inner { #[pin] future: F },
        Refused { response: Option<Response<B>> },
        Waiting { future: Pin<Box<dyn Future<Output = F::Output> + Send>> },
    }
}

impl<F: Future, B> ResponseFuture<F, B> {
    /// Passes on what the service within answers.
    pub fn inner(future: F) -> Self {
        Self { state: State::Inner { future } }
    }

    /// Answers at once.
    pub fn refused(response: Response<B>) -> Self {
        Self { state: State::Refused { response: Some(response) } }
    }

    /// Does what cannot be done at once, and asks the service within where that allows it.
    pub fn waiting(future: impl Future<Output = F::Output> + Send + 'static) -> Self {
        Self { state: State::Waiting { future: Box::pin(future) } }
    }
}

impl<F, B, E> Future for ResponseFuture<F, B>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Inner { future } => future.poll(cx),
            StateProjection::Waiting { future } => future.as_mut().poll(cx),
            // polled again after it was ready, which a future need not answer
            StateProjection::Refused { response } => {
                response.take().map_or(Poll::Pending, |response| Poll::Ready(Ok(response)))
            }
        }
    }
}

impl<F: Future, B> fmt::Debug for ResponseFuture<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
