//! Tokens of OpenID Connect issuers.

mod algorithm;
mod claim;
pub(crate) mod claims;
pub(crate) mod fetch;
pub(crate) mod issuer;
mod key_set;
mod keys;
pub(crate) mod token;

use std::{io, sync::Arc, time::Duration};

use async_trait::async_trait;
use catalog_core::clock::{Clock, SystemClock, Timestamp};
use http::request::Parts;

pub use self::{
    algorithm::SigningAlgorithm,
    claim::Claim,
    issuer::{OidcIssuer, OidcIssuerError},
};
use self::{
    fetch::Fetcher,
    key_set::{KeySet, Signature},
    keys::Keys,
    token::Token,
};
use super::{
    Authenticator, AuthenticatorError, Outcome, Refusal, bearer::bearer, chain::authenticated,
    verdict::VerdictCache,
};

/// Knows bearer tokens that one of its issuers signed: JWTs, ID tokens and access tokens alike. A token of nobody it knows is left
/// to the next authenticator; one that names an issuer of its own stands or falls here.
///
/// A verdict is kept for as long as the token is good, 60 s at most, and needs no waiting then.
#[derive(Clone, Debug)]
#[must_use]
pub struct OidcAuthenticator {
    issuers: Arc<[Issuer]>,
    verdicts: Arc<VerdictCache>,
    clock: Arc<dyn Clock>,
}

#[derive(Debug)]
struct Issuer {
    config: Arc<OidcIssuer>,
    keys: Arc<Keys>,
}

/// Why tokens cannot be verified.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OidcError {
    /// An issuer is not set up as it should be.
    #[error(transparent)]
    Issuer(#[from] OidcIssuerError),
    /// No certificates are there to verify issuers by.
    #[error("the certificates that the system trusts cannot be read")]
    Certificates(#[source] io::Error),
}

/// A verdict is kept for so long at most.
const KNOWN_FOR: Duration = Duration::from_mins(1);

/// What can be said of a token by the keys that are there.
enum Judgement {
    Final(Outcome, Option<Timestamp>),
    /// That, but newer keys should be there by now.
    Stale(Outcome, Option<Timestamp>),
    /// Nothing until keys have been fetched.
    Keys,
}

impl OidcAuthenticator {
    /// Believes those issuers. Their keys are fetched when the first token comes, or by [`fetch_keys`](Self::fetch_keys).
    ///
    /// # Errors
    /// [`OidcError`] for an issuer that is at fault or there twice, and without certificates that the system trusts.
    pub fn new(issuers: impl IntoIterator<Item = OidcIssuer>) -> Result<Self, OidcError> {
        let issuers: Vec<OidcIssuer> = issuers.into_iter().collect();
        for (position, issuer) in issuers.iter().enumerate() {
            issuer.validate()?;
            if issuers.iter().take(position).any(|other| other.issuer == issuer.issuer) {
                return Err(OidcIssuerError::new(issuer, "issuer", "is there twice").into());
            }
        }
        let needed = issuers.iter().any(|issuer| !issuer.insecure_http);
        let fetcher = Fetcher::new(needed).map_err(OidcError::Certificates)?;
        let issuer = |config| {
            let config = Arc::new(config);
            Issuer { keys: Arc::new(Keys::new(Arc::clone(&config), fetcher.clone())), config }
        };
        Ok(Self {
            issuers: issuers.into_iter().map(issuer).collect(),
            verdicts: Arc::new(VerdictCache::new(KNOWN_FOR)),
            clock: Arc::new(SystemClock),
        })
    }

    /// With another clock.
    pub fn with_clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Fetches the keys that are not there yet, so that the first caller does not have to wait.
    ///
    /// # Errors
    /// [`AuthenticatorError`] if those of an issuer cannot be fetched; they are asked for again when a token comes.
    pub async fn fetch_keys(&self) -> Result<(), AuthenticatorError> {
        for issuer in self.issuers.iter() {
            if issuer.keys.current(self.clock.now()).is_none() {
                issuer.keys.refresh(&self.clock).await;
                issuer.keys.current(self.clock.now()).ok_or_else(|| no_keys(issuer))?;
            }
        }
        Ok(())
    }

    /// Forgets all verdicts: tokens are verified anew.
    pub fn forget_verdicts(&self) {
        self.verdicts.clear();
    }

    /// The token of a request, unless that is an answer already.
    fn token<'a>(&self, parts: &'a Parts, now: Timestamp) -> Result<&'a str, Outcome> {
        let token = match bearer(&parts.headers) {
            Ok(Some(token)) => token,
            Ok(None) => return Err(Outcome::Absent),
            Err(refusal) => return Err(Outcome::Refused(refusal)),
        };
        match self.verdicts.key(token).and_then(|key| self.verdicts.find(key, now)) {
            Some(known) => Err(known),
            None => Ok(token),
        }
    }

    /// The issuer that a token is of.
    fn issuer(&self, token: &Token<'_>) -> Option<&Issuer> {
        let name = token.issuer()?;
        self.issuers.iter().find(|issuer| issuer.config.issuer == name)
    }

    fn keep(&self, token: &str, outcome: Outcome, now: Timestamp, expiry: Option<Timestamp>) -> Outcome {
        if let Some(key) = self.verdicts.key(token) {
            self.verdicts.note(key, &outcome, now, expiry);
        }
        outcome
    }
}

#[async_trait]
impl Authenticator for OidcAuthenticator {
    fn peek(&self, parts: &Parts) -> Option<Outcome> {
        let now = self.clock.now();
        let text = match self.token(parts, now) {
            Ok(text) => text,
            Err(outcome) => return Some(outcome),
        };
        let Some(token) = Token::parse(text) else { return Some(Outcome::Absent) };
        let Some(issuer) = self.issuer(&token) else { return Some(Outcome::Absent) };
        match issuer.judge(&token, now) {
            Judgement::Final(outcome, expiry) => Some(self.keep(text, outcome, now, expiry)),
            Judgement::Stale(..) | Judgement::Keys => None,
        }
    }

    async fn authenticate(&self, parts: &Parts) -> Result<Outcome, AuthenticatorError> {
        let now = self.clock.now();
        let text = match self.token(parts, now) {
            Ok(text) => text,
            Err(outcome) => return Ok(outcome),
        };
        let Some(token) = Token::parse(text) else { return Ok(Outcome::Absent) };
        let Some(issuer) = self.issuer(&token) else { return Ok(Outcome::Absent) };
        let mut judgement = issuer.judge(&token, now);
        match judgement {
            Judgement::Keys => {
                issuer.keys.refresh(&self.clock).await;
                judgement = issuer.judge(&token, now);
            }
            Judgement::Stale(..) => {
                let (keys, clock) = (Arc::clone(&issuer.keys), Arc::clone(&self.clock));
                tokio::spawn(async move { keys.refresh(&clock).await });
            }
            Judgement::Final(..) => {}
        }
        match judgement {
            Judgement::Final(outcome, expiry) | Judgement::Stale(outcome, expiry) => {
                Ok(self.keep(text, outcome, now, expiry))
            }
            Judgement::Keys => Err(no_keys(issuer)),
        }
    }
}

impl Issuer {
    /// Whom a token names that says it is of this issuer.
    fn judge(&self, token: &Token<'_>, now: Timestamp) -> Judgement {
        let algorithm = match self.check_header(token) {
            Ok(algorithm) => algorithm,
            Err(refusal) => return Judgement::Final(Outcome::Refused(refusal), None),
        };
        let Some(keys) = self.keys.current(now) else { return Judgement::Keys };
        let refused = |reason| Judgement::Final(Outcome::Refused(Refusal::invalid(reason)), None);
        match keys.verify(token, algorithm) {
            Signature::Good => self.accept(token, &keys, now),
            Signature::Bad => refused("the signature is not the issuer's"),
            Signature::UnknownKey if self.keys.may_change(now) || self.keys.failed() => Judgement::Keys,
            Signature::UnknownKey => refused("the issuer has no such key"),
        }
    }

    fn accept(&self, token: &Token<'_>, keys: &KeySet, now: Timestamp) -> Judgement {
        let (outcome, expiry) = match claims::check(&self.config, &token.claims, now) {
            Ok((identity, expiry)) => (Outcome::Known(authenticated(Arc::new(identity))), Some(expiry)),
            Err(refusal) => (Outcome::Refused(refusal), None),
        };
        if self.keys.is_stale(keys, now) {
            Judgement::Stale(outcome, expiry)
        } else {
            Judgement::Final(outcome, expiry)
        }
    }

    fn check_header(&self, token: &Token<'_>) -> Result<SigningAlgorithm, Refusal> {
        let header = &token.header;
        if header.crit.is_some() {
            return Err(Refusal::invalid("the token asks for extensions"));
        }
        // what is no login says so in its type (RFC 8725, section 3.11)
        let typ = header.typ.as_deref().unwrap_or("JWT").to_ascii_lowercase();
        if !["jwt", "at+jwt", "application/at+jwt"].contains(&typ.as_str()) {
            return Err(Refusal::invalid("the token is of another type"));
        }
        SigningAlgorithm::named(&header.alg)
            .filter(|algorithm| self.config.algorithms.contains(algorithm))
            .ok_or_else(|| Refusal::invalid("the token is signed in a way that is not allowed"))
    }
}

fn no_keys(issuer: &Issuer) -> AuthenticatorError {
    AuthenticatorError::new(format!("the keys of the issuer `{}` cannot be fetched", issuer.config.issuer))
}
