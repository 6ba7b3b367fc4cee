use std::sync::Arc;

use catalog_core::identity::Identity;
use http::request::Parts;

use super::{Authenticator, Outcome};

/// Takes callers without a credential for `system:anonymous`, at the end of an
/// [`AuthenticatorChain`](super::AuthenticatorChain). Anywhere else it says nothing that counts.
#[derive(Clone, Debug)]
#[must_use]
pub struct AnonymousAuthenticator(Arc<Identity>);

impl AnonymousAuthenticator {
    /// The authenticator; it has no knobs.
    pub fn new() -> Self {
        Self(Arc::new(Identity::anonymous()))
    }
}

impl Default for AnonymousAuthenticator {
    fn default() -> Self {
        Self::new()
    }
}

impl Authenticator for AnonymousAuthenticator {
    fn peek(&self, _: &Parts) -> Option<Outcome> {
        Some(Outcome::Known(Arc::clone(&self.0)))
    }
}
