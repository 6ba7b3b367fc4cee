use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;

/// A signed token taken apart; nothing of it is verified.
#[derive(Debug)]
pub(crate) struct Token<'a> {
    pub(super) header: Header,
    pub(crate) claims: Value,
    /// What the signature is of.
    pub(super) signed: &'a str,
    pub(super) signature: &'a str,
}

/// What a token says of itself. Where it says its key is (`jku`, `x5u`, `jwk`, `x5c`) nobody looks.
#[derive(Debug, Deserialize)]
pub(crate) struct Header {
    pub(super) alg: String,
    pub(super) kid: Option<String>,
    pub(super) typ: Option<String>,
    /// Extensions that a reader has to understand.
    pub(super) crit: Option<IgnoredAny>,
}

impl<'a> Token<'a> {
    /// The parts of a token in the compact form of a signed JWT; `None` for any other.
    pub(crate) fn parse(token: &'a str) -> Option<Self> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        if claims.contains('.') {
            return None;
        }
        let claims: Value = serde_json::from_slice(&decode(claims)?).ok()?;
        Some(Self { header: serde_json::from_slice(&decode(header)?).ok()?, claims, signed, signature })
    }

    /// Who says that it is the issuer.
    pub(super) fn issuer(&self) -> Option<&str> {
        self.claims.get("iss")?.as_str()
    }

    pub(super) fn signature(&self) -> Option<Vec<u8>> {
        decode(self.signature)
    }
}

fn decode(part: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).ok()
}
