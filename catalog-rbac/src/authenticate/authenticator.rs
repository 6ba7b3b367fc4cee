use std::{borrow::Cow, error::Error, fmt, sync::Arc};

use async_trait::async_trait;
use catalog_core::identity::Identity;
use http::{HeaderMap, request::Parts};

/// Finds out who asks, by one kind of credential.
#[async_trait]
pub trait Authenticator: Send + Sync + fmt::Debug + 'static {
    /// What is known without waiting; `None` where [`authenticate`](Self::authenticate) has to be asked.
    fn peek(&self, parts: &Parts) -> Option<Outcome>;

    /// Who asks, where that takes time. Only called when [`peek`](Self::peek) did not know.
    ///
    /// # Errors
    /// [`AuthenticatorError`] when it cannot tell; the caller is asked to try again and is nobody until then.
    async fn authenticate(&self, parts: &Parts) -> Result<Outcome, AuthenticatorError> {
        self.peek(parts)
            .ok_or_else(|| AuthenticatorError::new("it knows nothing at once and cannot be asked"))
    }

    /// Takes credentials of its kind out of a request before handlers see it. `Authorization` and `X-Remote-*` go anyway.
    fn strip(&self, headers: &mut HeaderMap) {
        let _ = headers;
    }
}

#[async_trait]
impl<T: Authenticator + ?Sized> Authenticator for Arc<T> {
    fn peek(&self, parts: &Parts) -> Option<Outcome> {
        (**self).peek(parts)
    }

    async fn authenticate(&self, parts: &Parts) -> Result<Outcome, AuthenticatorError> {
        (**self).authenticate(parts).await
    }

    fn strip(&self, headers: &mut HeaderMap) {
        (**self).strip(headers);
    }
}

/// An authenticator's answer. Exhaustive on purpose: who matches on it must hear of a new one.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The request has no credential of the authenticator's kind: the next one may know.
    Absent,
    /// It is that one.
    Known(Arc<Identity>),
    /// There is a credential of the kind, and it is no good: nobody else is asked.
    Refused(Refusal),
}

/// Why a credential is no good.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    kind: RefusalKind,
    reason: Cow<'static, str>,
}

/// What a caller is told of a credential that is no good.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RefusalKind {
    /// It is not of the form that it should have.
    Malformed,
    /// Its time is over.
    Expired,
    /// Its time has not come.
    NotYetValid,
    /// It is not one that the server believes.
    Invalid,
    /// It came along with a request that pages of another site may have made, which is not known to be the caller's wish.
    CrossSite,
}

impl Refusal {
    /// For that reason, which is for the log: the caller is told the kind alone.
    pub fn new(kind: RefusalKind, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, reason: reason.into() }
    }

    pub(crate) fn malformed(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(RefusalKind::Malformed, reason)
    }

    pub(crate) fn invalid(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(RefusalKind::Invalid, reason)
    }

    /// What the caller is told.
    pub fn kind(&self) -> RefusalKind {
        self.kind
    }

    /// Why, for the log.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.as_str())
    }
}

impl RefusalKind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "the credential is malformed",
            Self::Expired => "the credential has expired",
            Self::NotYetValid => "the credential is not valid yet",
            Self::Invalid => "the credential is not valid",
            Self::CrossSite => {
                "the request does not come from a page of this site, so the session may not change anything by it"
            }
        }
    }
}

/// An authenticator could not answer. That is never a known caller, and never an anonymous one.
#[derive(Debug, thiserror::Error)]
#[error("the authenticator gave no answer")]
pub struct AuthenticatorError {
    source: Box<dyn Error + Send + Sync>,
}

impl AuthenticatorError {
    /// For that cause.
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { source: source.into() }
    }
}
