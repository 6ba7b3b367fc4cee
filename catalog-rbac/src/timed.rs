//! An authorizer that is timed and has a deadline.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use catalog_core::{
    authorizer::{Attributes, Authorizer, AuthorizerError, Decision, Rules, Visible},
    identity::Identity,
    name::Namespace,
    permission::Permission,
};

/// Measures what another authorizer takes, and gives it up as an error once its deadline has passed.
///
/// Metrics, with the labels `authorizer`, the name given here, and `decision`: `allow`, `deny`, `no_opinion`, `error`, `timeout`.
///
/// | metric | what |
/// |---|---|
/// | `catalog_rbac_decision_duration_seconds` | histogram of what a decision took |
/// | `catalog_rbac_decisions_total` | how many there were |
/// | `catalog_rbac_visible_duration_seconds` | histogram of what finding all visible tenants took; `decision` is `all`, `some`, `error` or `timeout` |
#[derive(Clone, Debug)]
#[must_use]
pub struct TimedAuthorizer<A> {
    name: &'static str,
    inner: A,
    deadline: Option<Duration>,
}

/// A deadline passed.
#[derive(Debug, thiserror::Error)]
#[error("the authorizer `{name}` took longer than {deadline:?}")]
struct TimeoutError {
    name: &'static str,
    deadline: Duration,
}

const DECISION_SECONDS: &str = "catalog_rbac_decision_duration_seconds";
const VISIBLE_SECONDS: &str = "catalog_rbac_visible_duration_seconds";

impl<A: Authorizer> TimedAuthorizer<A> {
    /// Measures `inner` under that name, without a deadline.
    pub fn new(name: &'static str, inner: A) -> Self {
        Self { name, inner, deadline: None }
    }

    /// With a deadline for each call. It needs a tokio runtime with time.
    pub fn with_deadline(self, deadline: Duration) -> Self {
        Self { deadline: Some(deadline), ..self }
    }

    /// The answer, or an error and what to call it.
    async fn answer<T>(
        &self,
        asked: impl Future<Output = Result<T, AuthorizerError>>,
    ) -> Result<T, (AuthorizerError, &'static str)> {
        let Some(deadline) = self.deadline else { return asked.await.map_err(|error| (error, "error")) };
        if let Ok(answer) = tokio::time::timeout(deadline, asked).await {
            return answer.map_err(|error| (error, "error"));
        }
        let error = TimeoutError { name: self.name, deadline };
        Err((AuthorizerError::new(error), "timeout"))
    }

    fn decided(&self, since: Instant, decision: &'static str) {
        self.took(DECISION_SECONDS, since, decision);
        metrics::counter!(
            "catalog_rbac_decisions_total", "authorizer" => self.name, "decision" => decision
        )
        .increment(1);
    }

    fn took(&self, histogram: &'static str, since: Instant, decision: &'static str) {
        metrics::histogram!(histogram, "authorizer" => self.name, "decision" => decision)
            .record(since.elapsed().as_secs_f64());
    }
}

fn label(decision: &Decision) -> &'static str {
    match decision {
        Decision::Allow { .. } => "allow",
        Decision::Deny { .. } => "deny",
        Decision::NoOpinion { .. } => "no_opinion",
    }
}

#[async_trait]
impl<A: Authorizer> Authorizer for TimedAuthorizer<A> {
    async fn decide(
        &self,
        identity: &Identity,
        attributes: Attributes<'_>,
    ) -> Result<Decision, AuthorizerError> {
        let since = Instant::now();
        let answer = self.answer(self.inner.decide(identity, attributes)).await;
        self.decided(since, answer.as_ref().map_or_else(|(_, label)| *label, label));
        answer.map_err(|(error, _)| error)
    }

    /// Counts only if it is known: else it will be asked for again, and counts then.
    fn decide_now(&self, identity: &Identity, attributes: Attributes<'_>) -> Option<Decision> {
        let since = Instant::now();
        let decision = self.inner.decide_now(identity, attributes)?;
        self.decided(since, label(&decision));
        Some(decision)
    }

    /// Is timed as one decision for each question.
    async fn decide_each(
        &self,
        identity: &Identity,
        questions: &[Attributes<'_>],
    ) -> Result<Vec<Decision>, AuthorizerError> {
        let since = Instant::now();
        let answer = self.answer(self.inner.decide_each(identity, questions)).await;
        match &answer {
            Ok(decisions) => decisions.iter().for_each(|decision| self.decided(since, label(decision))),
            Err((_, label)) => self.decided(since, label),
        }
        answer.map_err(|(error, _)| error)
    }

    async fn explain(
        &self,
        identity: &Identity,
        attributes: Attributes<'_>,
    ) -> Result<String, AuthorizerError> {
        self.answer(self.inner.explain(identity, attributes)).await.map_err(|(error, _)| error)
    }

    async fn rules(&self, identity: &Identity, namespace: &Namespace) -> Result<Rules, AuthorizerError> {
        self.answer(self.inner.rules(identity, namespace)).await.map_err(|(error, _)| error)
    }

    async fn visible(
        &self,
        identity: &Identity,
        permission: &Permission,
    ) -> Result<Visible, AuthorizerError> {
        let since = Instant::now();
        let answer = self.answer(self.inner.visible(identity, permission)).await;
        let decision = match &answer {
            Ok(Visible::All) => "all",
            Ok(Visible::Set(_)) => "some",
            Err((_, label)) => label,
        };
        self.took(VISIBLE_SECONDS, since, decision);
        answer.map_err(|(error, _)| error)
    }
}
