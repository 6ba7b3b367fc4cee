//! Who is known.

use std::fs;

use catalog_core::yaml::{Limits, Node};
use catalog_ha::Component;
use catalog_rbac::{
    authenticate::{
        AnonymousAuthenticator, AuthenticatorChain, OidcAuthenticator, OidcIssuer, ProxyAuthenticator,
        TokenAuthenticator, TokenFile, TokenReviewAuthenticator,
    },
    login::Login,
};
use http::HeaderName;

use super::{LOOK, demo};
use crate::{
    AnyError,
    cluster::Cluster,
    config::{AuthMode, Config, ConfigError},
};

/// The chain of those that know callers.
#[derive(Clone, Debug)]
pub(crate) struct Authentication {
    pub(crate) chain: AuthenticatorChain,
    tokens: Option<TokenFile>,
}

impl Authentication {
    /// As the configuration says. The file of tokens is followed for as long as the process lives.
    pub(super) async fn new(
        config: &Config,
        cluster: &Cluster,
        login: Option<&Login>,
    ) -> Result<Self, AnyError> {
        let (mut chain, mut tokens) = (AuthenticatorChain::new(), None);
        let mut modes = config.auth.mode.clone();
        // a review takes every token, so it comes after those that know theirs; anonymity is for those who show nothing
        modes.sort_by_key(|mode| match mode {
            AuthMode::Tokens | AuthMode::Proxy | AuthMode::Oidc | AuthMode::Login => 0,
            AuthMode::TokenReview => 1,
            AuthMode::Anonymous => 2,
        });
        for mode in modes {
            chain = match mode {
                AuthMode::Anonymous => chain.with(AnonymousAuthenticator::new()),
                AuthMode::Proxy => chain.with(proxy(config)?),
                AuthMode::Oidc => chain.with(oidc(config)?),
                // there is one where the mode is on
                AuthMode::Login => match login {
                    Some(login) => chain.with(login.authenticator()),
                    None => chain,
                },
                AuthMode::TokenReview => {
                    let client = cluster.client("auth.mode").await?;
                    let audiences = config.auth.tokenreview_audiences.clone();
                    chain.with(TokenReviewAuthenticator::new(client).with_audiences(audiences))
                }
                AuthMode::Tokens => match &config.auth.tokens_file {
                    None => chain.with(TokenAuthenticator::new(demo::tokens()?)),
                    Some(path) => {
                        let file = TokenFile::open(path).await?;
                        let following = file.clone();
                        tokio::spawn(async move { following.watch(LOOK).await });
                        let authenticator = file.authenticator();
                        tokens = Some(file);
                        chain.with(authenticator)
                    }
                },
            };
        }
        Ok(Self { chain, tokens })
    }

    /// Degraded while the file of tokens cannot be read: those that it held before count.
    pub(crate) fn component(&self) -> Component {
        match self.tokens.as_ref().and_then(TokenFile::error) {
            None => Component::ok(),
            Some(error) => Component::degraded(error.to_string()),
        }
    }
}

fn proxy(config: &Config) -> Result<ProxyAuthenticator, ConfigError> {
    let refused = |message: String| ConfigError::new("auth.proxy_secret", message);
    let secret = config.auth.proxy_secret.as_deref().unwrap_or_default();
    let header = HeaderName::from_bytes(config.auth.proxy_secret_header.as_bytes())
        .map_err(|error| ConfigError::new("auth.proxy_secret_header", error.to_string()))?;
    ProxyAuthenticator::new().with_shared_secret(header, secret).map_err(|error| refused(error.to_string()))
}

/// Those of the file.
pub(super) fn issuers(config: &Config) -> Result<Vec<OidcIssuer>, ConfigError> {
    let refused = |message: String| ConfigError::new("auth.oidc_file", message);
    let path = config.auth.oidc_file.clone().unwrap_or_default();
    let shown = path.display();
    let text = fs::read_to_string(&path).map_err(|error| refused(format!("`{shown}`: {error}")))?;
    let node =
        Node::parse(&text, Limits::default()).map_err(|error| refused(format!("`{shown}`: {error}")))?;
    let issuers: Vec<OidcIssuer> = serde_path_to_error::deserialize(node.to_value())
        .map_err(|error| refused(format!("`{shown}`: `{}`: {}", error.path(), error.inner())))?;
    if issuers.is_empty() {
        return Err(refused(format!("`{shown}` names no issuer")));
    }
    Ok(issuers)
}

/// Of the issuers of the file. Their keys are fetched at once, and again when a token comes if that fails.
fn oidc(config: &Config) -> Result<OidcAuthenticator, ConfigError> {
    let authenticator = OidcAuthenticator::new(issuers(config)?).map_err(|error| {
        let shown = config.auth.oidc_file.clone().unwrap_or_default();
        ConfigError::new("auth.oidc_file", format!("`{}`: {error}", shown.display()))
    })?;
    tokio::spawn({
        let authenticator = authenticator.clone();
        async move {
            if let Err(error) = authenticator.fetch_keys().await {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "the keys of an issuer are not there yet");
            }
        }
    });
    Ok(authenticator)
}
