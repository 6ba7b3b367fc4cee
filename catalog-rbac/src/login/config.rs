use std::fmt;

use serde::Deserialize;

use super::{base_url::BaseUrl, return_path};
use crate::authenticate::OidcIssuer;

/// How browsers log in.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct LoginConfig {
    /// The provider, and whom its claims name. Its audiences count for bearer tokens; an ID token has to be for `client_id`.
    pub issuer: OidcIssuer,
    /// As whom the provider knows this service.
    pub client_id: String,
    /// What proves it; without one the service is a public client, which has PKCE alone.
    #[serde(default)]
    pub client_secret: Option<String>,
    /// Where browsers reach this service: scheme and host, and the port where it is not the scheme's; no path. The provider must
    /// know this URL and `/auth/callback` behind it. It is `https:`, or `http:` on a loopback address.
    pub base_url: String,
    /// What the provider is asked for. Default: `openid`, `profile`, `email`; `openid` is always among them.
    #[serde(default = "default_scopes")]
    pub scopes: Vec<String>,
    /// The path that a login leads to which was begun without one. Default: `/`.
    #[serde(default = "default_landing")]
    pub landing: String,
    /// How long a session lasts, in seconds. Default: 8 hours; 24 hours at most.
    #[serde(default = "default_session_lifetime_seconds")]
    pub session_lifetime_seconds: u32,
    /// The keys that seal cookies, each at least 32 bytes: the first seals, all open. Replicas share them.
    pub keys: Vec<String>,
}

fn default_scopes() -> Vec<String> {
    ["openid", "profile", "email"].map(String::from).to_vec()
}

fn default_landing() -> String {
    "/".into()
}

fn default_session_lifetime_seconds() -> u32 {
    8 * 60 * 60
}

/// A shorter key is guessable, in bytes.
const MIN_KEY: usize = 32;
/// A session cannot be withdrawn, so it lasts no longer.
const MAX_SESSION_LIFETIME_SECONDS: u32 = 24 * 60 * 60;

/// A login that cannot be set up.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("login: `{key}` {fault}")]
pub struct LoginConfigError {
    key: &'static str,
    fault: String,
}

impl LoginConfigError {
    fn new(key: &'static str, fault: impl Into<String>) -> Self {
        Self { key, fault: fault.into() }
    }

    /// The field that is at fault.
    pub fn key(&self) -> &'static str {
        self.key
    }

    /// What is wrong with it.
    pub fn fault(&self) -> &str {
        &self.fault
    }
}

impl LoginConfig {
    /// At that issuer as that client, for browsers that reach the service there, with cookies sealed by those keys.
    pub fn new(
        issuer: OidcIssuer,
        client_id: impl Into<String>,
        base_url: impl Into<String>,
        keys: impl IntoIterator<Item = String>,
    ) -> Self {
        Self {
            issuer,
            client_id: client_id.into(),
            client_secret: None,
            base_url: base_url.into(),
            scopes: default_scopes(),
            landing: default_landing(),
            session_lifetime_seconds: default_session_lifetime_seconds(),
            keys: keys.into_iter().collect(),
        }
    }

    /// With the secret that proves the client.
    #[must_use]
    pub fn with_client_secret(mut self, secret: impl Into<String>) -> Self {
        self.client_secret = Some(secret.into());
        self
    }

    /// Whether it can be set up so.
    ///
    /// # Errors
    /// [`LoginConfigError`] with the field that is at fault.
    pub fn validate(&self) -> Result<(), LoginConfigError> {
        let fault = |key, fault: &str| Err(LoginConfigError::new(key, fault));
        self.issuer.validate().map_err(|error| LoginConfigError::new("issuer", error.to_string()))?;
        if self.client_id.is_empty() {
            return fault("client_id", "is empty");
        }
        if self.client_secret.as_deref() == Some("") {
            return fault("client_secret", "is empty; a public client has none");
        }
        self.base_url()?;
        if self.scopes.iter().any(|scope| scope.is_empty() || !scope.bytes().all(is_of_scope)) {
            return fault("scopes", "names one that is empty or holds characters that a scope cannot have");
        }
        if !return_path::is_local(&self.landing) {
            return fault("landing", "is no path of this service");
        }
        if !(1..=MAX_SESSION_LIFETIME_SECONDS).contains(&self.session_lifetime_seconds) {
            return fault("session_lifetime_seconds", "is not between 1 and 86400");
        }
        if self.keys.is_empty() {
            return fault("keys", "names none");
        }
        match self.keys.iter().position(|key| key.len() < MIN_KEY) {
            Some(index) => {
                let number = index + 1;
                Err(LoginConfigError::new(
                    "keys",
                    format!("has number {number} shorter than {MIN_KEY} bytes"),
                ))
            }
            None => Ok(()),
        }
    }

    pub(super) fn base_url(&self) -> Result<BaseUrl, LoginConfigError> {
        let fault =
            "is no origin: `https://catalog.example.com`, or `http:` on a loopback address, without a path";
        BaseUrl::parse(&self.base_url).ok_or_else(|| LoginConfigError::new("base_url", fault))
    }
}

/// The characters of a scope (RFC 6749, section 3.3).
fn is_of_scope(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b'"' && byte != b'\\'
}

/// Without the secrets.
impl fmt::Debug for LoginConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginConfig")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .field("base_url", &self.base_url)
            .field("scopes", &self.scopes)
            .field("landing", &self.landing)
            .field("session_lifetime_seconds", &self.session_lifetime_seconds)
            .field("keys", &self.keys.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> LoginConfig {
        let issuer = OidcIssuer::new("https://op.example", "catalog");
        LoginConfig::new(issuer, "web", "https://catalog.example", ["k".repeat(32)])
    }

    #[test]
    fn what_is_at_fault_is_named() {
        assert_eq!(config().validate(), Ok(()));
        for (key, change) in [
            ("issuer", (|config| config.issuer.issuer = "http://op.example".into()) as fn(&mut LoginConfig)),
            ("client_id", |config| config.client_id.clear()),
            ("client_secret", |config| config.client_secret = Some(String::new())),
            ("base_url", |config| config.base_url = "http://catalog.example".into()),
            ("scopes", |config| config.scopes.push("a b".into())),
            ("scopes", |config| config.scopes.push(String::new())),
            ("landing", |config| config.landing = "//evil.example".into()),
            ("session_lifetime_seconds", |config| config.session_lifetime_seconds = 0),
            ("session_lifetime_seconds", |config| config.session_lifetime_seconds = 86_401),
            ("keys", |config| config.keys.clear()),
            ("keys", |config| config.keys.push("k".repeat(31))),
        ] {
            let mut bad = config();
            change(&mut bad);
            assert_eq!(bad.validate().unwrap_err().key(), key);
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let shown = format!("{:?}", config().with_client_secret("hush-hush"));
        assert!(!shown.contains("hush") && !shown.contains("kkk"), "{shown}");
    }
}
