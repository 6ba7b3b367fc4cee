use std::sync::Arc;

use tower_layer::Layer;

use super::{AnonymousAuthenticator, Authenticate, AuthenticatorChain};

/// Finds out who asks before a request goes on; nobody is 401, no answer 503.
///
/// What goes on has an identity in its [`RequestContext`](catalog_core::context::RequestContext) and no `Authorization` and no
/// `X-Remote-*` header any more, whoever it is.
#[derive(Clone, Debug)]
#[must_use]
pub struct AuthenticateLayer {
    chain: AuthenticatorChain,
    realm: Arc<str>,
}

/// A realm that cannot stand in a header.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the realm `{realm}` has characters other than ASCII letters, digits, blanks and `-._:/`")]
pub struct RealmError {
    realm: String,
}

impl AuthenticateLayer {
    /// Asks that chain; the realm is `catalog`.
    pub fn new(chain: AuthenticatorChain) -> Self {
        Self { chain, realm: "catalog".into() }
    }

    /// Checks no credentials: who shows none is `system:anonymous`, and who shows one is refused, for nothing here could check it.
    pub fn anonymous() -> Self {
        Self::new(AuthenticatorChain::new().with(AnonymousAuthenticator::new()))
    }

    /// With another realm, which `WWW-Authenticate` names.
    ///
    /// # Errors
    /// [`RealmError`] for what would have to be quoted.
    pub fn with_realm(mut self, realm: &str) -> Result<Self, RealmError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b" -._:/".contains(&byte);
        if !realm.bytes().all(plain) {
            return Err(RealmError { realm: realm.into() });
        }
        self.realm = realm.into();
        Ok(self)
    }
}

impl<S> Layer<S> for AuthenticateLayer {
    type Service = Authenticate<S>;

    fn layer(&self, inner: S) -> Authenticate<S> {
        Authenticate::new(inner, self.chain.clone(), Arc::clone(&self.realm))
    }
}
