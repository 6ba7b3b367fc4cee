use std::{
    fmt,
    future::Future,
    panic::resume_unwind,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use catalog_core::{
    context::{RequestContext, RouteInfo},
    problem::Problem,
};
use http::{Method, Response};
use pin_project_lite::pin_project;
use tokio::task::JoinHandle;

use super::service::conclude;
use crate::{
    audit::{Audit, Ended, Notes},
    event::Record,
};

pin_project! {
    /// The answer, once what must be recorded of it is.
    pub struct ResponseFuture<F, B, E> {
        #[pin]
        state: State<F, B, E>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F, B, E> {
        Reading { #[pin] future: F, reading: Reading },
        Recording { future: Pin<Box<dyn Future<Output = Response<B>> + Send>> },
        Running { task: Running<B, E> },
        Refused { response: Option<Response<B>> },
    }
}

/// A request that only reads. Dropped before it is answered, it is recorded as abandoned if it is audited.
struct Reading(Option<(Audit, RequestContext, Method)>);

/// A request that runs to its end whether anybody waits for it or not.
struct Running<B, E> {
    task: JoinHandle<Result<Response<B>, E>>,
    gone: Arc<AtomicBool>,
}

impl<F, B, E> ResponseFuture<F, B, E> {
    pub(super) fn reading(future: F, audit: Audit, context: RequestContext, method: Method) -> Self {
        let reading = Reading(Some((audit, context, method)));
        Self { state: State::Reading { future, reading } }
    }

    pub(super) fn refused(response: Response<B>) -> Self {
        Self { state: State::Refused { response: Some(response) } }
    }

    pub(super) fn running(task: JoinHandle<Result<Response<B>, E>>, gone: Arc<AtomicBool>) -> Self {
        Self { state: State::Running { task: Running { task, gone } } }
    }
}

impl<F, B, E> Future for ResponseFuture<F, B, E>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: From<Bytes> + Send + 'static,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let recording = match this.state.as_mut().project() {
                StateProjection::Reading { future, reading } => {
                    let response = ready!(future.poll(cx))?;
                    let Some((audit, context, method)) = reading.0.take() else {
                        return Poll::Ready(Ok(response));
                    };
                    let ended = Ended::Answered(response.status(), None);
                    if audit.due(&context, &method, ended, Notes::default()).is_none() {
                        return Poll::Ready(Ok(response));
                    }
                    Box::pin(
                        async move { conclude(&audit, &context, &method, response, Notes::default()).await },
                    )
                }
                StateProjection::Recording { future } => return future.as_mut().poll(cx).map(Ok),
                // polled again after it was ready, which a future need not answer
                StateProjection::Refused { response } => {
                    return response.take().map_or(Poll::Pending, |response| Poll::Ready(Ok(response)));
                }
                StateProjection::Running { task } => {
                    return match ready!(Pin::new(&mut task.task).poll(cx)) {
                        Ok(answer) => Poll::Ready(answer),
                        Err(error) => match error.try_into_panic() {
                            Ok(panic) => resume_unwind(panic),
                            // the runtime ends
                            Err(_) => {
                                Poll::Ready(Ok(Problem::unavailable("the server leaves").into_response()))
                            }
                        },
                    };
                }
            };
            this.state.set(State::Recording { future: recording });
        }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let Some((audit, context, method)) = self.0.take() else { return };
        if !context.route().is_some_and(RouteInfo::is_audited) {
            return;
        }
        let notes = Notes { is_gone: true, ..Notes::default() };
        if let Some((event, _)) = audit.due(&context, &method, Ended::Abandoned, notes) {
            audit.writer().append_soon(Record::of(event));
        }
    }
}

impl<B, E> Drop for Running<B, E> {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::Release);
    }
}

impl<F, B, E> fmt::Debug for ResponseFuture<F, B, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
