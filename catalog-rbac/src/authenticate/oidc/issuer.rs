use std::{collections::BTreeMap, net::IpAddr};

use http::{Uri, uri::Scheme};
use serde::{Deserialize, Serialize};

use super::{Claim, SigningAlgorithm};
use crate::authenticate::name;

/// An issuer of tokens, and what its tokens say to us.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct OidcIssuer {
    /// Its URL, exactly as `iss` has it.
    pub issuer: String,
    /// A token has to be for one of these.
    pub audiences: Vec<String>,
    /// How its tokens may be signed. Default: RS256, ES256, `EdDSA`.
    #[serde(default = "default_algorithms")]
    pub algorithms: Vec<SigningAlgorithm>,
    /// Where its keys are; otherwise its discovery document says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// Names the user. Default: `sub`. With `email`, a token whose `email_verified` is not true is refused.
    #[serde(default = "default_username_claim")]
    pub username_claim: Claim,
    /// Stands before users' names, so that no two issuers name the same.
    #[serde(default)]
    pub username_prefix: String,
    /// Names the groups: a text or a list of them. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups_claim: Option<Claim>,
    /// Stands before groups' names.
    #[serde(default)]
    pub groups_prefix: String,
    /// What else is taken over, by key: texts, lists of them, numbers and booleans.
    #[serde(default)]
    pub extra_claims: BTreeMap<String, Claim>,
    /// What a token has to say: a claim that is this text, or a list with it.
    #[serde(default)]
    pub required_claims: BTreeMap<Claim, String>,
    /// How far its clock and ours may differ, in seconds. Default: 30; 300 at most.
    #[serde(default = "default_leeway_seconds")]
    pub leeway_seconds: u16,
    /// Lets the issuer and its keys be `http:` on a loopback address, for tests and demonstrations.
    #[serde(default)]
    pub insecure_http: bool,
}

fn default_algorithms() -> Vec<SigningAlgorithm> {
    vec![SigningAlgorithm::Rs256, SigningAlgorithm::Es256, SigningAlgorithm::EdDsa]
}

fn default_username_claim() -> Claim {
    Claim::new("sub")
}

fn default_leeway_seconds() -> u16 {
    30
}

/// An issuer that cannot be set up.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("issuer `{issuer}`: `{key}` {fault}")]
pub struct OidcIssuerError {
    issuer: String,
    key: &'static str,
    fault: &'static str,
}

impl OidcIssuerError {
    pub(super) fn new(issuer: &OidcIssuer, key: &'static str, fault: &'static str) -> Self {
        Self { issuer: issuer.issuer.clone(), key, fault }
    }
}

/// More leeway would be a longer life for every token.
const MAX_LEEWAY_SECONDS: u16 = 300;

impl OidcIssuer {
    /// With that URL, for tokens to that audience, all else by default.
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            audiences: vec![audience.into()],
            algorithms: default_algorithms(),
            jwks_uri: None,
            username_claim: default_username_claim(),
            username_prefix: String::new(),
            groups_claim: None,
            groups_prefix: String::new(),
            extra_claims: BTreeMap::new(),
            required_claims: BTreeMap::new(),
            leeway_seconds: default_leeway_seconds(),
            insecure_http: false,
        }
    }

    /// On `http:` at a loopback address, for tests and demonstrations.
    #[must_use]
    pub fn with_insecure_http(mut self) -> Self {
        self.insecure_http = true;
        self
    }

    /// Whether it can be set up so.
    ///
    /// # Errors
    /// [`OidcIssuerError`] with the key that is at fault.
    pub fn validate(&self) -> Result<(), OidcIssuerError> {
        let fault = |key, fault| Err(OidcIssuerError::new(self, key, fault));
        if !self.may_fetch(&self.issuer) || self.issuer.contains(['?', '#']) {
            return fault("issuer", "is no https URL without query");
        }
        if self.jwks_uri.as_ref().is_some_and(|uri| !self.may_fetch(uri)) {
            return fault("jwks_uri", "is no https URL");
        }
        if self.audiences.is_empty() || self.audiences.iter().any(String::is_empty) {
            return fault("audiences", "names none");
        }
        if self.algorithms.is_empty() {
            return fault("algorithms", "names none");
        }
        if self.username_claim.as_str().is_empty() {
            return fault("username_claim", "is empty");
        }
        for (key, prefix) in
            [("username_prefix", &self.username_prefix), ("groups_prefix", &self.groups_prefix)]
        {
            if name::is_system(prefix) {
                return fault(key, "begins with `system:`");
            }
        }
        if self.leeway_seconds > MAX_LEEWAY_SECONDS {
            return fault("leeway_seconds", "is more than 300");
        }
        Ok(())
    }

    /// Whether something may be fetched from there.
    pub(crate) fn may_fetch(&self, url: &str) -> bool {
        let Ok(uri) = url.parse::<Uri>() else { return false };
        let (Some(host), Some(authority)) = (uri.host(), uri.authority()) else { return false };
        if host.is_empty() || authority.as_str().contains('@') {
            return false;
        }
        match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => self.insecure_http && is_loopback(host),
            _ => false,
        }
    }
}

/// Whether a host of a URL is the machine itself.
pub(crate) fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_is_fetched_unless_it_is_the_machine_itself_and_that_is_asked_for() {
        let plain = OidcIssuer::new("https://op.example/realms/a", "catalog");
        assert_eq!(plain.validate(), Ok(()));
        let insecure = plain.clone().with_insecure_http();
        for (url, strict, loose) in [
            ("https://op.example", true, true),
            ("HTTPS://op.example:8443/a?b=c", true, true),
            ("http://127.0.0.1:8080", false, true),
            ("http://localhost/a", false, true),
            ("http://[::1]:8080", false, true),
            ("http://op.example", false, false),
            ("http://127.0.0.1.op.example", false, false),
            ("http://localhost.op.example", false, false),
            ("https://jane:secret@op.example", false, false),
            ("file:///etc/passwd", false, false),
            ("op.example", false, false),
            ("", false, false),
        ] {
            assert_eq!((plain.may_fetch(url), insecure.may_fetch(url)), (strict, loose), "{url}");
        }
    }

    #[test]
    fn what_is_at_fault_is_named() {
        let issuer = || OidcIssuer::new("https://op.example", "catalog");
        for (key, change) in [
            ("issuer", (|issuer| issuer.issuer = "http://op.example".into()) as fn(&mut OidcIssuer)),
            ("issuer", |issuer| issuer.issuer.push_str("?a=b")),
            ("jwks_uri", |issuer| issuer.jwks_uri = Some("http://op.example/jwks".into())),
            ("audiences", |issuer| issuer.audiences.clear()),
            ("audiences", |issuer| issuer.audiences.push(String::new())),
            ("algorithms", |issuer| issuer.algorithms.clear()),
            ("username_claim", |issuer| issuer.username_claim = Claim::new("")),
            ("username_prefix", |issuer| issuer.username_prefix = "system:".into()),
            ("groups_prefix", |issuer| issuer.groups_prefix = "system:x".into()),
            ("leeway_seconds", |issuer| issuer.leeway_seconds = 301),
        ] {
            let mut bad = issuer();
            change(&mut bad);
            assert!(bad.validate().unwrap_err().to_string().contains(&format!("`{key}`")), "{key}");
        }
    }

    #[test]
    fn a_setting_is_known_or_an_error() {
        let read = |rest: &str| {
            serde_json::from_str::<OidcIssuer>(&format!(
                r#"{{"issuer": "https://op.example", "audiences": ["catalog"]{rest}}}"#
            ))
        };
        assert_eq!(read("").unwrap(), OidcIssuer::new("https://op.example", "catalog"));
        assert_eq!(read(r#", "algorithms": ["ES384"]"#).unwrap().algorithms, [SigningAlgorithm::Es384]);
        for bad in [
            r#", "algorithms": ["none"]"#,
            r#", "algorithms": ["HS256"]"#,
            r#", "algorithms": ["rs256"]"#,
            r#", "audience": "x""#,
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
