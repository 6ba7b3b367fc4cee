//! Browsers: a login at an OpenID Connect provider, and the session that follows.
//!
//! [`Login`] has the routes, [`Login::authenticator`] knows whom they let in. All that is kept is kept in the browser, in cookies
//! that only this service can read and make, so replicas need nothing but the same keys. A session ends when its time is over or
//! the browser is told to forget it; nothing withdraws one that was copied before, but another key.
//!
//! ```
//! use catalog_core::http::Routes;
//! use catalog_rbac::{
//!     authenticate::{AuthenticateLayer, AuthenticatorChain, OidcIssuer},
//!     login::{Login, LoginConfig},
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let issuer = OidcIssuer::new("http://127.0.0.1:9000", "catalog").with_insecure_http();
//! let key = "made by a generator and kept secret".to_owned();
//! let login = Login::new(LoginConfig::new(issuer, "catalog-web", "http://127.0.0.1:8080", [key]))?;
//!
//! // beside the authenticators of bearer tokens
//! let chain = AuthenticatorChain::new().with(login.authenticator());
//! let routes: Routes = login.routes(); // `.merge` of the service's own
//! let router = routes.into_router(&AuthenticateLayer::new(chain))?;
//! # let _ = router;
//! # Ok(())
//! # }
//! ```

mod answer;
mod attempt;
mod authenticator;
mod base_url;
mod config;
mod cookie;
mod origin;
mod parameters;
mod provider;
mod return_path;
mod routes;
mod seal;
mod session;

use std::{error::Error, io, sync::Arc, time::Duration};

use axum::response::Response;
use catalog_core::{
    clock::{Clock, SystemClock},
    http::{Query, Routes},
    problem::Problem,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};

use self::{
    answer::{not_begun, see_other, with_cookies},
    attempt::Attempt,
    base_url::BaseUrl,
    cookie::{Cookies, Found},
    origin::is_cross_site,
    parameters::Parameters,
    provider::{Asked, Provider, ProviderError},
    seal::{Kind, Sealer},
    session::Session,
};
pub use self::{
    authenticator::SessionAuthenticator,
    config::{LoginConfig, LoginConfigError},
};
use crate::authenticate::oidc::fetch::Fetcher;

/// Logs browsers in. Cheap to clone.
#[derive(Clone, Debug)]
#[must_use]
pub struct Login {
    provider: Arc<Provider>,
    base_url: BaseUrl,
    cookies: Cookies,
    sealer: Arc<Sealer>,
    landing: Arc<str>,
    lifetime: Duration,
    clock: Arc<dyn Clock>,
}

/// Why browsers cannot log in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// It is not set up as it should be.
    #[error(transparent)]
    Config(#[from] LoginConfigError),
    /// No certificates are there to verify the provider by.
    #[error("the certificates that the system trusts cannot be read")]
    Certificates(#[source] io::Error),
    /// The issuer is no URL, or the keys are not to be used.
    #[error("the login cannot be set up")]
    Setup(#[source] Box<dyn Error + Send + Sync>),
}

/// How long a login may take.
const ATTEMPT_LIFETIME: Duration = Duration::from_mins(10);

impl Login {
    /// As the configuration says. The provider is asked when the first browser comes.
    ///
    /// # Errors
    /// [`LoginError`] where a setting is at fault, or nothing is there to verify the provider by.
    pub fn new(config: LoginConfig) -> Result<Self, LoginError> {
        config.validate()?;
        let base_url = config.base_url()?;
        let fetcher = Fetcher::new(!config.issuer.insecure_http).map_err(LoginError::Certificates)?;
        let provider = Provider::new(&config, base_url.with(routes::CALLBACK), fetcher)
            .map_err(|error| LoginError::Setup(error.into()))?;
        let binding = [base_url.origin(), &config.issuer.issuer, &config.client_id].join("\n");
        let sealer = Sealer::new(&config.keys, binding).map_err(|error| LoginError::Setup(error.into()))?;
        Ok(Self {
            provider: Arc::new(provider),
            cookies: Cookies::of(&base_url),
            base_url,
            sealer: Arc::new(sealer),
            landing: config.landing.into(),
            lifetime: Duration::from_secs(config.session_lifetime_seconds.into()),
            clock: Arc::new(SystemClock),
        })
    }

    /// With another clock, which the authenticators that it gives have, too.
    pub fn with_clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// `GET /auth/login`, `GET /auth/callback` and `POST /auth/logout`.
    pub fn routes(&self) -> Routes {
        routes::routes(self)
    }

    /// Knows those who have logged in.
    pub fn authenticator(&self) -> SessionAuthenticator {
        SessionAuthenticator {
            base_url: self.base_url.clone(),
            cookies: self.cookies,
            sealer: Arc::clone(&self.sealer),
            clock: Arc::clone(&self.clock),
        }
    }

    /// The name of the cookie that a session is in, for the document.
    pub fn session_cookie(&self) -> &'static str {
        self.cookies.name(Kind::Session)
    }

    async fn begin(self, uri: Uri) -> Result<Response, Problem> {
        let query = Query::parse(uri.query(), &["return"])?;
        let return_to = query.non_empty("return").unwrap_or(&self.landing);
        if !return_path::is_local(return_to) {
            let detail = "`return` is no path of this service, or longer than 2048 characters";
            return Err(Problem::invalid_parameter(detail).with_parameter("return"));
        }
        let asked = self.provider.ask(self.clock.as_ref()).await.map_err(|error| refused(&error))?;
        let Asked { location, state, nonce, verifier } = asked;
        let expires_at_ms = self.clock.now().saturating_add(ATTEMPT_LIFETIME).unix_ms();
        let attempt = Attempt { state, nonce, verifier, return_to: return_to.into(), expires_at_ms };
        let sealed = self.sealer.seal(Kind::Attempt, &attempt).map_err(|_| unsealed())?;
        let cookie = self.cookies.keep(Kind::Attempt, &sealed, ATTEMPT_LIFETIME).ok_or_else(|| {
            let detail = "`return` is longer than a cookie can hold";
            Problem::invalid_parameter(detail).with_parameter("return")
        })?;
        see_other(location.as_str(), [cookie])
    }

    async fn finish(self, uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
        let parameters = Parameters::parse(uri.query().unwrap_or_default())?;
        let sealed = match self.cookies.find(Kind::Attempt, &headers) {
            Found::One(sealed) => sealed,
            Found::Nothing => return Err(not_begun("no cookie")),
            Found::Several => return Err(not_begun("several cookies")),
        };
        let attempt: Attempt = self
            .sealer
            .open(Kind::Attempt, sealed)
            .map_err(|_| not_begun("a cookie that was not sealed here"))?;
        if attempt.has_expired(self.clock.now()) {
            return Err(not_begun("it took too long"));
        }
        if !attempt.is_answered_by(parameters.state.as_deref().unwrap_or_default()) {
            return Err(not_begun("the state of another login"));
        }
        // whatever comes of it, this attempt is over
        let over = self.cookies.forget(Kind::Attempt);
        match self.admit(parameters, attempt).await {
            Ok((location, cookie)) => see_other(&location, [over, cookie]),
            Err(problem) => {
                let mut response: Response = problem.into_response();
                response.headers_mut().append(http::header::SET_COOKIE, over);
                Ok(response)
            }
        }
    }

    /// The session of whom the provider names in answer to an attempt, and where it leads.
    async fn admit(
        &self,
        parameters: Parameters,
        attempt: Attempt,
    ) -> Result<(String, HeaderValue), Problem> {
        if parameters.iss.as_deref().is_some_and(|issuer| issuer != self.provider.issuer()) {
            return Err(Problem::bad_request("the answer is of another provider (`iss`)"));
        }
        if let Some(problem) = parameters.refusal() {
            return Err(problem);
        }
        let code = parameters.code.filter(|code| !code.is_empty());
        let code =
            code.ok_or_else(|| Problem::bad_request("the provider sent neither `code` nor `error`"))?;
        let return_to = attempt.return_to.clone();
        let identity = self.provider.identify(code, attempt, self.clock.as_ref()).await;
        let identity = identity.map_err(|error| refused(&error))?;
        tracing::info!(user = identity.user, "logged in");
        let groups = identity.groups.len();
        let session = Session::new(identity, self.clock.now().saturating_add(self.lifetime));
        let sealed = self.sealer.seal(Kind::Session, &session).map_err(|_| unsealed())?;
        let cookie = self.cookies.keep(Kind::Session, &sealed, self.lifetime).ok_or_else(|| {
            Problem::forbidden(format!(
                "the session is larger than a cookie can be, 4096 bytes: the provider names {groups} groups; have it name fewer"
            ))
        })?;
        Ok((return_to, cookie))
    }

    fn end(&self, headers: &HeaderMap) -> Result<Response, Problem> {
        if is_cross_site(&Method::POST, headers, &self.base_url) {
            return Err(Problem::forbidden("a session is ended by a page of this site only"));
        }
        let both = [self.cookies.forget(Kind::Session), self.cookies.forget(Kind::Attempt)];
        Ok(with_cookies(StatusCode::NO_CONTENT, both))
    }
}

/// What a browser is told of a login that does not come off; the log is told why.
fn refused(error: &ProviderError) -> Problem {
    let cause: &dyn Error = error;
    match error {
        ProviderError::Unavailable(_) => {
            tracing::warn!(error = cause, "a login does not come off");
            Problem::authenticator_unavailable("the provider of logins does not answer as it should")
                .with_retry_after(1)
        }
        ProviderError::Busy => {
            tracing::warn!(error = cause, "a login does not come off");
            Problem::authenticator_unavailable("too many logins at once").with_retry_after(1)
        }
        ProviderError::Code(_) => {
            tracing::debug!(error = cause, "a login does not come off");
            Problem::bad_request(
                "the provider does not take the code: it was used, or it took too long; begin again",
            )
        }
        ProviderError::Token(_) => {
            tracing::warn!(error = cause, "a login does not come off");
            Problem::unauthenticated("the provider's ID token is not valid")
        }
        ProviderError::Claims(refusal) => {
            tracing::info!(error = cause, "a login does not come off");
            Problem::unauthenticated(format!("the provider's ID token names nobody: {refusal}"))
        }
    }
}

fn unsealed() -> Problem {
    tracing::error!("a cookie cannot be sealed: the system has no randomness to give");
    Problem::internal("the server failed")
}
