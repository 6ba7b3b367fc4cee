use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};
use tokio_util::task::AbortOnDropHandle;

use super::{Component, State};

/// One question to one component, with the latest answer. Whoever asks while it is being asked waits for the same answer.
pub(super) struct Check {
    pub(super) name: &'static str,
    ask: Box<dyn Fn() -> BoxFuture<'static, Component> + Send + Sync>,
    latest: Mutex<Option<Run>>,
}

/// One run of a check. It goes on when whoever asked is gone: the next one finds its answer.
#[derive(Clone, Debug)]
struct Run {
    /// What it came to, and when; none yet. Its other end is there for as long as the run is, which may be longer than until the answer.
    answer: watch::Receiver<Option<(Instant, Component)>>,
}

impl Run {
    /// Whether it is not over, or over for no longer than that; a tenth of it where it came to something that is waited to end.
    fn is_fresh(&self, ttl: Duration) -> bool {
        let is_under_way = self.answer.has_changed().is_ok();
        is_under_way
            || self.answer.borrow().as_ref().is_some_and(|(at, component)| {
                at.elapsed() < if component.status == State::Ok { ttl } else { ttl / 10 }
            })
    }

    async fn answer(mut self) -> Component {
        match self.answer.wait_for(Option::is_some).await.as_deref() {
            Ok(Some((_, component))) => component.clone(),
            // the runtime ends
            Ok(None) | Err(_) => Component::failed("the check was cut off"),
        }
    }
}

impl Check {
    pub(super) fn new(
        name: &'static str,
        ask: impl Fn() -> BoxFuture<'static, Component> + Send + Sync + 'static,
    ) -> Self {
        Self { name, ask: Box::new(ask), latest: Mutex::default() }
    }

    /// The answer: one that is not older than `ttl`, or what comes within `limit`.
    pub(super) async fn ask(self: &Arc<Self>, ttl: Duration, limit: Duration) -> Component {
        let run = {
            let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
            match latest.as_ref().filter(|run| run.is_fresh(ttl)) {
                Some(run) => run.clone(),
                None => latest.insert(self.begin(limit)).clone(),
            }
        };
        run.answer().await
    }

    fn begin(self: &Arc<Self>, limit: Duration) -> Run {
        let (told, answer) = watch::channel(None);
        let check = Arc::clone(self);
        tokio::spawn(async move {
            let name = check.name;
            let mut asked = AbortOnDropHandle::new(tokio::spawn(async move { (check.ask)().await }));
            let in_time = timeout(limit, &mut asked).await;
            let is_over = in_time.is_ok();
            let component = match in_time {
                Ok(Ok(component)) => component,
                Ok(Err(_)) => Component::failed("the check failed unexpectedly"),
                Err(_) => {
                    tracing::warn!(check = name, ?limit, "a check does not answer");
                    Component::failed("no answer in time")
                }
            };
            told.send_replace(Some((Instant::now(), component)));
            if !is_over {
                asked.abort();
                // what does not let itself be aborted is not asked a second time meanwhile
                let _ = asked.await;
            }
        });
        Run { answer }
    }
}
