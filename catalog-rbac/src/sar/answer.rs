use std::sync::Arc;

use catalog_core::authorizer::{Decision, Reason};
use k8s_openapi::api::authorization::v1::SubjectAccessReviewStatus;

use super::error::AskError;

/// What the cluster said.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) verdict: Verdict,
    /// In the cluster's words.
    pub(super) reason: Arc<str>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    Allowed,
    Denied,
    NotAllowed,
}

/// So many characters of a reason are kept.
const MAX_REASON: usize = 1_024;

impl Answer {
    /// A yes counts only without a no beside it; and where something went wrong, a no is none unless it is express.
    pub(super) fn new(status: SubjectAccessReviewStatus) -> Result<Self, AskError> {
        let error = status.evaluation_error.filter(|error| !error.is_empty());
        let verdict = match (status.denied, status.allowed, error) {
            (Some(true), _, _) => Verdict::Denied,
            (_, true, _) => Verdict::Allowed,
            (_, false, None) => Verdict::NotAllowed,
            (_, false, Some(error)) => return Err(AskError::Evaluation { error }),
        };
        let reason: String = status.reason.unwrap_or_default().chars().take(MAX_REASON).collect();
        Ok(Self { verdict, reason: reason.into() })
    }

    pub(super) fn decision(&self) -> Decision {
        let reason = |text| Reason::Borrowed(text);
        match self.verdict {
            Verdict::Allowed => Decision::Allow { reason: reason("SubjectAccessReview: allowed") },
            Verdict::Denied => Decision::Deny { reason: reason("SubjectAccessReview: denied") },
            Verdict::NotAllowed => Decision::NoOpinion { reason: reason("SubjectAccessReview: not allowed") },
        }
    }

    /// The decision with what the cluster said of it.
    pub(super) fn explanation(&self) -> String {
        let decision = self.decision();
        if self.reason.is_empty() {
            return decision.reason().to_owned();
        }
        format!("{}: {}", decision.reason(), self.reason)
    }
}
