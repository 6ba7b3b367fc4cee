use catalog_core::clock::Timestamp;
use jsonwebtoken::{DecodingKey, crypto::aws_lc};
use serde::Deserialize;
use serde_json::Value;

use super::{SigningAlgorithm, token::Token};

/// An issuer's keys at one time.
#[derive(Debug)]
pub(super) struct KeySet {
    keys: Vec<Key>,
    pub(super) fetched_at: Timestamp,
}

#[derive(Debug)]
struct Key {
    id: Option<String>,
    /// What it may verify.
    algorithms: Vec<SigningAlgorithm>,
    material: DecodingKey,
}

/// Whether a token is signed by one of the keys.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Signature {
    Good,
    Bad,
    /// By none that is known: there may be newer ones.
    UnknownKey,
}

#[derive(Deserialize)]
struct Jwks {
    keys: Vec<Value>,
}

/// One key as it is published (RFC 7517, RFC 7518). Those with a shared secret have no place here.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// More keys are no issuer's.
const MAX_KEYS: usize = 100;

impl KeySet {
    /// Reads the keys that verify signatures; others are left out. `None` where there is none.
    pub(super) fn parse(text: &[u8], fetched_at: Timestamp) -> Option<Self> {
        let jwks: Jwks = serde_json::from_slice(text).ok()?;
        let keys: Vec<Key> = jwks
            .keys
            .into_iter()
            .take(MAX_KEYS)
            .filter_map(|key| read(serde_json::from_value(key).ok()?))
            .collect();
        (!keys.is_empty()).then_some(Self { keys, fetched_at })
    }

    /// Whether `token` is signed, by that algorithm, with the key that it names; without a name there must be only one.
    pub(super) fn verify(&self, token: &Token<'_>, algorithm: SigningAlgorithm) -> Signature {
        let id = token.header.kid.as_deref();
        let fits = |key: &&Key| {
            key.algorithms.contains(&algorithm) && id.is_none_or(|id| key.id.as_deref() == Some(id))
        };
        let mut candidates = self.keys.iter().filter(fits);
        let (Some(first), second) = (candidates.next(), candidates.next()) else {
            return Signature::UnknownKey;
        };
        if id.is_none() && second.is_some() {
            return Signature::Bad;
        }
        let Some(signature) = token.signature() else { return Signature::Bad };
        let good = |key: &Key| is_signed(key, algorithm, token.signed, &signature);
        // an issuer may publish two keys under one name while it changes them
        if good(first) || second.is_some_and(good) { Signature::Good } else { Signature::Bad }
    }
}

fn read(jwk: Jwk) -> Option<Key> {
    let signs = jwk.usage.is_none_or(|usage| usage == "sig");
    let verifies = jwk.key_ops.is_none_or(|ops| ops.iter().any(|op| op == "verify"));
    if !(signs && verifies) {
        return None;
    }
    let (mut algorithms, material) = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("RSA", None) => {
            (SigningAlgorithm::RSA.to_vec(), DecodingKey::from_rsa_components(&jwk.n?, &jwk.e?).ok()?)
        }
        ("EC", Some("P-256")) => {
            (vec![SigningAlgorithm::Es256], DecodingKey::from_ec_components(&jwk.x?, &jwk.y?).ok()?)
        }
        ("EC", Some("P-384")) => {
            (vec![SigningAlgorithm::Es384], DecodingKey::from_ec_components(&jwk.x?, &jwk.y?).ok()?)
        }
        ("OKP", Some("Ed25519")) => {
            (vec![SigningAlgorithm::EdDsa], DecodingKey::from_ed_components(&jwk.x?).ok()?)
        }
        _ => return None,
    };
    if let Some(alg) = jwk.alg {
        let alg = SigningAlgorithm::named(&alg)?;
        algorithms.retain(|algorithm| *algorithm == alg);
    }
    (!algorithms.is_empty()).then_some(Key { id: jwk.kid, algorithms, material })
}

fn is_signed(key: &Key, algorithm: SigningAlgorithm, signed: &str, signature: &[u8]) -> bool {
    // by name: the default of the process may be another, or none, and then its use panics
    let verifier = (aws_lc::DEFAULT_PROVIDER.verifier_factory)(&algorithm.primitive(), &key.material);
    verifier.is_ok_and(|verifier| verifier.verify(signed.as_bytes(), &signature.to_vec()).is_ok())
}
