use std::error::Error;

use crate::authenticate::Refusal;

/// Why a login does not come off.
#[derive(Debug, thiserror::Error)]
pub(in crate::login) enum ProviderError {
    /// The provider does not answer, or not as a provider does.
    #[error("the provider is not to be had")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// As many logins end at once as may.
    #[error("too many logins at once")]
    Busy,
    /// The provider does not take the code.
    #[error("the provider does not take the code")]
    Code(#[source] Box<dyn Error + Send + Sync>),
    /// The ID token is not one that counts.
    #[error("the ID token is not valid")]
    Token(#[source] Box<dyn Error + Send + Sync>),
    /// Its claims name nobody.
    #[error("the claims name nobody: {}", .0.reason())]
    Claims(Refusal),
}

impl ProviderError {
    pub(super) fn unavailable(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unavailable(error.into())
    }

    pub(super) fn token(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Token(error.into())
    }
}
