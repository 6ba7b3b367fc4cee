//! The provider that browsers log in at, spoken to by openidconnect.

mod error;
mod http;
mod id_token;
mod metadata;

use std::sync::Arc;

use catalog_core::{clock::Clock, identity::Identity};
use openidconnect::{
    AuthType, AuthenticationFlow, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointMaybeSet,
    EndpointNotSet, EndpointSet, IssuerUrl, Nonce, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier,
    RedirectUrl, RequestTokenError, Scope, TokenResponse,
    core::{
        CoreClient, CoreClientAuthMethod, CoreErrorResponseType, CoreProviderMetadata, CoreResponseType,
        CoreTokenResponse,
    },
    url::{ParseError, Url},
};
use tokio::sync::Semaphore;

pub(super) use self::error::ProviderError;
use self::{
    http::HttpClient,
    id_token::{IdTokenError, verify},
    metadata::Metadata,
};
use super::{Attempt, LoginConfig};
use crate::authenticate::{
    OidcIssuer,
    oidc::{claims, fetch::Fetcher, token::Token},
};

/// The provider, as our client sees it.
#[derive(Debug)]
pub(super) struct Provider {
    /// Its ID tokens are for our client.
    issuer: Arc<OidcIssuer>,
    client_id: ClientId,
    client_secret: Option<ClientSecret>,
    redirect_url: RedirectUrl,
    scopes: Vec<Scope>,
    metadata: Metadata,
    http: HttpClient,
    /// So many codes are exchanged at once.
    exchanges: Semaphore,
}

/// Where a browser is sent to log in, and what must come back.
pub(super) struct Asked {
    pub(super) location: Url,
    pub(super) state: CsrfToken,
    pub(super) nonce: Nonce,
    pub(super) verifier: PkceCodeVerifier,
}

type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// More exchanges at once are refused: each holds a connection to the provider.
const MAX_EXCHANGES: usize = 64;

impl Provider {
    pub(super) fn new(
        config: &LoginConfig,
        redirect_url: String,
        fetcher: Fetcher,
    ) -> Result<Self, ParseError> {
        let mut issuer = config.issuer.clone();
        issuer.audiences = vec![config.client_id.clone()];
        let issuer = Arc::new(issuer);
        // `openid` is asked for by openidconnect
        let scopes = config.scopes.iter().filter(|scope| *scope != "openid");
        Ok(Self {
            client_id: ClientId::new(config.client_id.clone()),
            client_secret: config.client_secret.clone().map(ClientSecret::new),
            redirect_url: RedirectUrl::new(redirect_url)?,
            scopes: scopes.cloned().map(Scope::new).collect(),
            metadata: Metadata::new(IssuerUrl::new(issuer.issuer.clone())?),
            http: HttpClient::new(fetcher, Arc::clone(&issuer)),
            issuer,
            exchanges: Semaphore::new(MAX_EXCHANGES),
        })
    }

    /// The URL, exactly as `iss` has it.
    pub(super) fn issuer(&self) -> &str {
        &self.issuer.issuer
    }

    /// A new question to the provider.
    pub(super) async fn ask(&self, clock: &dyn Clock) -> Result<Asked, ProviderError> {
        let metadata = self.metadata(clock, false).await?;
        let endpoint = metadata.authorization_endpoint().as_str();
        if !self.issuer.may_fetch(endpoint) {
            return Err(ProviderError::unavailable(format!("nobody may be sent to `{endpoint}`")));
        }
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let flow = AuthenticationFlow::<CoreResponseType>::AuthorizationCode;
        let client = self.client(&metadata);
        let question = client.authorize_url(flow, CsrfToken::new_random, Nonce::new_random);
        let question = question.add_scopes(self.scopes.iter().cloned()).set_pkce_challenge(challenge);
        let (location, state, nonce) = question.url();
        Ok(Asked { location, state, nonce, verifier })
    }

    /// Whom the provider names for a code that it gave in answer to that attempt.
    pub(super) async fn identify(
        &self,
        code: String,
        attempt: Attempt,
        clock: &dyn Clock,
    ) -> Result<Identity, ProviderError> {
        let _turn = self.exchanges.try_acquire().map_err(|_| ProviderError::Busy)?;
        let metadata = self.metadata(clock, false).await?;
        let tokens = self.exchange(&metadata, code, attempt.verifier).await?;
        let verified = match self.verify(&metadata, &tokens, &attempt.nonce, clock) {
            Err(error) if error.is_unknown_key() => {
                let newer = self.metadata(clock, true).await?;
                self.verify(&newer, &tokens, &attempt.nonce, clock)
            }
            verified => verified,
        };
        let text = verified.map_err(ProviderError::token)?;
        let token = Token::parse(&text).ok_or_else(|| ProviderError::token(IdTokenError::Form))?;
        let party = token.claims.get("azp").filter(|party| !party.is_null());
        if party.is_some_and(|party| party.as_str() != Some(self.client_id.as_str())) {
            return Err(ProviderError::token(IdTokenError::AuthorizedParty));
        }
        let (identity, _) =
            claims::check(&self.issuer, &token.claims, clock.now()).map_err(ProviderError::Claims)?;
        Ok(identity)
    }

    async fn exchange(
        &self,
        metadata: &CoreProviderMetadata,
        code: String,
        verifier: PkceCodeVerifier,
    ) -> Result<CoreTokenResponse, ProviderError> {
        let client = self.client(metadata);
        let request =
            client.exchange_code(AuthorizationCode::new(code)).map_err(ProviderError::unavailable)?;
        let answer = request.set_pkce_verifier(verifier).request_async(&self.http).await;
        answer.map_err(|error| match error {
            RequestTokenError::ServerResponse(refusal)
                if *refusal.error() == CoreErrorResponseType::InvalidGrant =>
            {
                ProviderError::Code(refusal.to_string().into())
            }
            // with the answer, which may hold tokens, left out
            RequestTokenError::Parse(error, _) => ProviderError::unavailable(error),
            other => ProviderError::unavailable(other),
        })
    }

    /// The ID token, if it is one that counts.
    fn verify(
        &self,
        metadata: &CoreProviderMetadata,
        tokens: &CoreTokenResponse,
        nonce: &Nonce,
        clock: &dyn Clock,
    ) -> Result<String, IdTokenError> {
        let token = tokens.id_token().ok_or(IdTokenError::Form)?;
        let client = self.client(metadata);
        verify(token, tokens.access_token(), client.id_token_verifier(), nonce, &self.issuer, clock.now())?;
        Ok(token.to_string())
    }

    async fn metadata(
        &self,
        clock: &dyn Clock,
        newer: bool,
    ) -> Result<Arc<CoreProviderMetadata>, ProviderError> {
        self.metadata.current(&self.http, clock, newer).await.map_err(ProviderError::unavailable)
    }

    fn client(&self, metadata: &CoreProviderMetadata) -> Client {
        let (client_id, secret) = (self.client_id.clone(), self.client_secret.clone());
        // what is not said is Basic (OpenID Connect Discovery 1.0, section 3)
        let methods = metadata.token_endpoint_auth_methods_supported();
        let basic = methods.is_none_or(|methods| methods.contains(&CoreClientAuthMethod::ClientSecretBasic));
        CoreClient::from_provider_metadata(metadata.clone(), client_id, secret)
            .set_redirect_uri(self.redirect_url.clone())
            .set_auth_type(if basic { AuthType::BasicAuth } else { AuthType::RequestBody })
    }
}
