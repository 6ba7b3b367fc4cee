use std::{borrow::Cow, sync::Arc};

use async_trait::async_trait;
use catalog_core::{
    authorizer::{Attributes, Authorizer, AuthorizerError, Decision, Visible},
    directory::NamespaceDirectory,
    identity::Identity,
    permission::Permission,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use kube::Client;

use super::{
    SubjectAccessReviewConfig,
    answer::{Answer, Verdict},
    ask::Asker,
    cache::Answers,
    error::AskError,
    question::Question,
};

/// Decides as a Kubernetes cluster does, by asking it: everything counts that counts there, its RBAC and its webhooks. Cheap to clone.
///
/// A permission on a plugin's objects is there if the cluster allows the resource, `assets`, or the plugin's part of it, the subresource
/// `assets/model`; it is asked for the second only if it did not allow the first. What it denies expressly is denied.
///
/// Answers are kept for a few seconds, so a revoked right lasts that long. Whatever is no answer is an error: a cluster that is not
/// reached in time, that refuses the question, or that reports an error in place of a decision. After some of them it is left alone
/// for a while, in which only what is still kept is answered.
///
/// It needs a tokio runtime with time, and its client the right to create `subjectaccessreviews`, which `system:auth-delegator` has.
/// The client should not retry by itself (`default_retry` of its configuration), since the deadline would end that.
#[derive(Clone, Debug)]
#[must_use]
pub struct SubjectAccessReviewAuthorizer {
    pub(super) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: SubjectAccessReviewConfig,
    pub(super) directory: Arc<dyn NamespaceDirectory>,
    asker: Asker,
    answers: Answers,
}

impl SubjectAccessReviewAuthorizer {
    /// Asks that cluster, for lists over all tenants in each of the directory's.
    pub fn new(
        client: Client,
        directory: Arc<dyn NamespaceDirectory>,
        config: SubjectAccessReviewConfig,
    ) -> Self {
        let asker = Asker::new(client, &config);
        let answers = Answers::new(config.cache_bytes, config.allow_ttl, config.deny_ttl);
        Self { shared: Arc::new(Shared { config, directory, asker, answers }) }
    }

    /// Forgets every answer, also those that are under way: whoever asks from now on hears of what is true now.
    pub fn flush(&self) {
        self.shared.answers.flush();
    }

    /// The API group of the resources it asks for.
    pub(crate) fn api_group(&self) -> Cow<'static, str> {
        self.shared.config.api_group.clone()
    }

    /// The question of the resource, and that of the plugin's part of it.
    fn questions(&self, identity: &Identity, attributes: Attributes<'_>) -> (Question, Option<Question>) {
        let Attributes { permission, namespace, name, .. } = attributes;
        let wide = Question::new(identity, permission, &self.shared.config.api_group, namespace, name);
        let narrow = wide.narrowed(permission);
        (wide, narrow)
    }

    pub(super) async fn answer(
        &self,
        identity: &Identity,
        attributes: Attributes<'_>,
    ) -> Result<Answer, AuthorizerError> {
        let (wide, narrow) = self.questions(identity, attributes);
        let wide = self.ask(wide).await;
        let (Some(narrow), true) = (narrow, leaves_open(&wide)) else {
            return wide.map_err(AuthorizerError::new);
        };
        let narrow = self.ask(narrow).await.map_err(AuthorizerError::new)?;
        match wide {
            // its no would be no better than a guess
            Err(error) if narrow.verdict == Verdict::NotAllowed => Err(AuthorizerError::new(error)),
            _ => Ok(narrow),
        }
    }

    async fn ask(&self, question: Question) -> Result<Answer, Arc<AskError>> {
        self.shared.answers.get(question, async |question| self.shared.asker.ask(question).await).await
    }
}

/// Whether the plugin's part may be allowed though the whole resource is not: where the cluster did decide, or tried to.
fn leaves_open(wide: &Result<Answer, Arc<AskError>>) -> bool {
    match wide {
        Ok(answer) => answer.verdict == Verdict::NotAllowed,
        Err(error) => matches!(**error, AskError::Evaluation { .. }),
    }
}

#[async_trait]
impl Authorizer for SubjectAccessReviewAuthorizer {
    async fn decide(
        &self,
        identity: &Identity,
        attributes: Attributes<'_>,
    ) -> Result<Decision, AuthorizerError> {
        self.answer(identity, attributes).await.map(|answer| answer.decision())
    }

    fn decide_now(&self, identity: &Identity, attributes: Attributes<'_>) -> Option<Decision> {
        let (wide, narrow) = self.questions(identity, attributes);
        let mut answer = self.shared.answers.known(wide)?;
        if let (Verdict::NotAllowed, Some(narrow)) = (answer.verdict, narrow) {
            answer = self.shared.answers.known(narrow)?;
        }
        Some(answer.decision())
    }

    /// Puts several questions to the cluster at once.
    async fn decide_each(
        &self,
        identity: &Identity,
        questions: &[Attributes<'_>],
    ) -> Result<Vec<Decision>, AuthorizerError> {
        let mut answers = Vec::with_capacity(questions.len());
        for question in questions {
            answers.push(self.decide(identity, *question));
        }
        stream::iter(answers).buffered(self.shared.config.at_once.max(1)).try_collect().await
    }

    async fn explain(
        &self,
        identity: &Identity,
        attributes: Attributes<'_>,
    ) -> Result<String, AuthorizerError> {
        self.answer(identity, attributes).await.map(|answer| answer.explanation())
    }

    /// Asks for the right in the whole cluster, and else in each namespace.
    async fn visible(
        &self,
        identity: &Identity,
        permission: &Permission,
    ) -> Result<Visible, AuthorizerError> {
        self.find_visible(identity, permission).await
    }
}
