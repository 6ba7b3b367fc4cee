//! Tokens of a fixed list.

mod file;
mod list;

use std::sync::Arc;

use arc_swap::ArcSwap;
use http::request::Parts;

pub use self::{
    file::{TokenFile, TokenFileError},
    list::{TokenList, TokenListError, token_digest},
};
use super::{Authenticator, Outcome, bearer::bearer};

/// Knows bearer tokens of a fixed list by their digests. A token that is not on the list is left to the next authenticator.
#[derive(Clone, Debug)]
#[must_use]
pub struct TokenAuthenticator {
    list: Arc<ArcSwap<TokenList>>,
}

impl TokenAuthenticator {
    /// With that list, for good; [`TokenFile::authenticator`] follows a file.
    pub fn new(list: TokenList) -> Self {
        Self { list: Arc::new(ArcSwap::from_pointee(list)) }
    }
}

impl Authenticator for TokenAuthenticator {
    fn peek(&self, parts: &Parts) -> Option<Outcome> {
        Some(match bearer(&parts.headers) {
            Ok(None) => Outcome::Absent,
            Ok(Some(token)) => self.list.load().find(token).map_or(Outcome::Absent, Outcome::Known),
            Err(refusal) => Outcome::Refused(refusal),
        })
    }
}
