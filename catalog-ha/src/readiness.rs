use std::{collections::BTreeMap, fmt, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::{
    FutureExt,
    future::{BoxFuture, join_all},
};
use serde::Serialize;

use crate::Drain;

/// How one component does.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Component {
    /// In one word.
    pub status: State,
    /// What there is to say, for operators: nothing that a stranger should not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// How its parts do, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, Component>,
}

/// A component's state in one word.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It works.
    Ok,
    /// It works in part, which is no reason to send requests elsewhere.
    Degraded,
    /// It does not work, or not yet.
    Failed,
}

impl Component {
    fn new(status: State, detail: Option<String>) -> Self {
        Self { status, detail, details: BTreeMap::new() }
    }

    /// It works.
    pub fn ok() -> Self {
        Self::new(State::Ok, None)
    }

    /// It works in part.
    pub fn degraded(detail: impl Into<String>) -> Self {
        Self::new(State::Degraded, Some(detail.into()))
    }

    /// It does not work, or not yet.
    pub fn failed(detail: impl Into<String>) -> Self {
        Self::new(State::Failed, Some(detail.into()))
    }

    /// With something to say.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// With a part.
    #[must_use]
    pub fn with_part(mut self, name: impl Into<String>, part: Self) -> Self {
        self.details.insert(name.into(), part);
        self
    }
}

type Check = Arc<dyn Fn() -> BoxFuture<'static, Component> + Send + Sync>;

/// What must work for a process to be sent requests. Cheap to clone.
#[derive(Clone)]
pub struct Readiness {
    drain: Drain,
    checks: Vec<(&'static str, Check)>,
    timeout: Duration,
}

impl Readiness {
    /// Nothing but that the process is not about to leave; a check may take 2 s.
    pub fn new(drain: Drain) -> Self {
        Self { drain, checks: Vec::new(), timeout: Duration::from_secs(2) }
    }

    /// With one component more.
    #[must_use]
    pub fn with_check<C, F>(mut self, name: &'static str, check: C) -> Self
    where
        C: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Component> + Send + 'static,
    {
        self.checks.push((name, Arc::new(move || check().boxed())));
        self
    }

    /// Asks all components, side by side. One that does not answer in time, or panics, has failed.
    pub async fn report(&self) -> ReadinessReport {
        let asked = self.checks.iter().map(|(name, check)| async {
            let answer = tokio::time::timeout(self.timeout, AssertUnwindSafe(check()).catch_unwind()).await;
            let component = match answer {
                Ok(Ok(component)) => component,
                Ok(Err(_)) => Component::failed("the check failed unexpectedly"),
                Err(_) => Component::failed("no answer in time"),
            };
            (*name, component)
        });
        let mut components: BTreeMap<&'static str, Component> = join_all(asked).await.into_iter().collect();
        if self.drain.has_begun() {
            components.insert("shutdown", Component::failed("the process is about to leave"));
        }
        ReadinessReport { components }
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.checks.iter().map(|(name, _)| name)).finish()
    }
}

/// How all components do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ReadinessReport {
    /// By name.
    pub components: BTreeMap<&'static str, Component>,
}

impl ReadinessReport {
    /// Whether requests may be sent: nothing has failed.
    pub fn is_ready(&self) -> bool {
        self.components.values().all(|component| component.status != State::Failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_hangs_or_panics_has_failed_and_the_rest_is_told() {
        let readiness = Readiness::new(Drain::new())
            .with_check("fine", || async { Component::ok() })
            .with_check("hangs", std::future::pending)
            .with_check("panics", || async { panic!("as told") });
        let report = readiness.report().await;
        let states: Vec<State> = report.components.values().map(|component| component.status).collect();
        assert_eq!(states, [State::Ok, State::Failed, State::Failed]);
        assert!(!report.is_ready());
    }

    #[tokio::test]
    async fn a_process_about_to_leave_is_not_ready() {
        let drain = Drain::new();
        let readiness =
            Readiness::new(drain.clone()).with_check("fine", || async { Component::degraded("a little") });
        assert!(readiness.report().await.is_ready());
        drain.begin();
        assert!(!readiness.report().await.is_ready());
    }
}
