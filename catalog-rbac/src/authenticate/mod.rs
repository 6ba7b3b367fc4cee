//! Who asks: a layer that asks authenticators in order, and the authenticators.
//!
//! ```
//! use bytes::Bytes;
//! use catalog_rbac::authenticate::{
//!     AnonymousAuthenticator, AuthenticateLayer, AuthenticatorChain, ProxyAuthenticator,
//! };
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let chain = AuthenticatorChain::new()
//!     .with(ProxyAuthenticator::new().with_certificate_names(["front-proxy"]))
//!     .with(AnonymousAuthenticator::new()); // without it, who shows no credential gets 401
//! let service = ServiceBuilder::new()
//!     .layer(AuthenticateLayer::new(chain))
//!     .service(service_fn(|_: Request<Full<Bytes>>| async {
//!         Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from("served")))
//!     }));
//!
//! // nothing in the chain checks tokens, and a token that nobody knows is not anonymity
//! let request = Request::get("/").header("authorization", "Bearer x").body(Full::default());
//! let refused = service.oneshot(request.unwrap()).await.unwrap();
//! assert_eq!(refused.status(), 401);
//! # }
//! ```

mod anonymous;
mod authenticator;
#[cfg(feature = "_bearer")]
mod bearer;
mod chain;
mod headers;
mod layer;
mod name;
#[cfg(feature = "oidc")]
pub(crate) mod oidc;
mod proxy;
mod service;
#[cfg(feature = "kube")]
mod token_review;
#[cfg(feature = "tokens")]
mod tokens;
#[cfg(feature = "_verdicts")]
mod verdict;

pub use catalog_core::future::ResponseFuture;

#[cfg(feature = "oidc")]
pub use self::oidc::{Claim, OidcAuthenticator, OidcError, OidcIssuer, OidcIssuerError, SigningAlgorithm};
#[cfg(feature = "kube")]
pub use self::token_review::TokenReviewAuthenticator;
#[cfg(feature = "tokens")]
pub use self::tokens::{
    TokenAuthenticator, TokenFile, TokenFileError, TokenList, TokenListError, token_digest,
};
pub use self::{
    anonymous::AnonymousAuthenticator,
    authenticator::{Authenticator, AuthenticatorError, Outcome, Refusal, RefusalKind},
    chain::AuthenticatorChain,
    layer::{AuthenticateLayer, RealmError},
    proxy::{ProxyAuthenticator, SharedSecretError},
    service::Authenticate,
};
