use std::time::Duration;

use http::StatusCode;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    #[error("the cluster failed too often and is not asked for {for_another:?}")]
    Paused { for_another: Duration },
    #[error("too many questions wait for the cluster")]
    Busy,
    #[error("the cluster did not answer within {deadline:?}")]
    Timeout { deadline: Duration },
    #[error("the cluster cannot be reached")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the cluster refused the question with {status}: {message:?}")]
    Refused { status: StatusCode, message: String, retry_after: Option<Duration> },
    #[error("the cluster's answer is none")]
    Malformed(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the cluster could not decide: {error:?}")]
    Evaluation { error: String },
    #[error("there are more than {most} namespaces, in each of which the cluster would have to be asked")]
    TooManyNamespaces { most: usize },
}

impl AskError {
    /// Whether the cluster is at fault, and not the question.
    pub(super) fn is_failure(&self) -> bool {
        match self {
            Self::Timeout { .. } | Self::Unreachable(_) | Self::Malformed(_) => true,
            Self::Refused { status, .. } => {
                status.is_server_error()
                    || matches!(
                        *status,
                        StatusCode::UNAUTHORIZED
                            | StatusCode::FORBIDDEN
                            | StatusCode::NOT_FOUND
                            | StatusCode::REQUEST_TIMEOUT
                            | StatusCode::TOO_MANY_REQUESTS
                    )
            }
            Self::Paused { .. } | Self::Busy | Self::Evaluation { .. } | Self::TooManyNamespaces { .. } => {
                false
            }
        }
    }

    /// When the cluster wants to be asked again.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}
