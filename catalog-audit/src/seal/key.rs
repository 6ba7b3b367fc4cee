use std::{collections::BTreeMap, fmt, sync::Arc};

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::{Engine, engine::general_purpose::STANDARD};

use crate::digest::{digest, hex};

/// The key that signs blocks: Ed25519. Cheap to clone.
#[derive(Clone)]
pub struct SealKey {
    pair: Arc<Ed25519KeyPair>,
    id: String,
}

/// Text that is no key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the key is neither a PEM file of an Ed25519 private key (PKCS #8) nor 32 bytes in base64")]
pub struct SealKeyError;

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";

impl SealKey {
    /// The key in that text, of a file or of the environment: as `openssl genpkey -algorithm ed25519` writes it, or 32 secret bytes
    /// in base64.
    ///
    /// # Errors
    /// [`SealKeyError`] if it is neither.
    pub fn parse(text: &str) -> Result<Self, SealKeyError> {
        let text = text.trim();
        let pem = text.strip_prefix(BEGIN).and_then(|text| text.strip_suffix(END));
        let encoded: String = pem.unwrap_or(text).chars().filter(|c| !c.is_whitespace()).collect();
        let bytes = STANDARD.decode(encoded).map_err(|_| SealKeyError)?;
        let pair = match pem {
            Some(_) => Ed25519KeyPair::from_pkcs8_maybe_unchecked(&bytes),
            None => Ed25519KeyPair::from_seed_unchecked(&bytes),
        };
        Ok(Self::new(pair.map_err(|_| SealKeyError)?))
    }

    /// A fresh key, as [`parse`](Self::parse) reads it: 32 bytes from the system's random source.
    ///
    /// # Errors
    /// [`SealKeyError`] when the system has no randomness to give.
    pub fn generate() -> Result<String, SealKeyError> {
        let mut seed = [0; 32];
        aws_lc_rs::rand::fill(&mut seed).map_err(|_| SealKeyError)?;
        Ok(STANDARD.encode(seed))
    }

    fn new(pair: Ed25519KeyPair) -> Self {
        let id = key_id(pair.public_key().as_ref());
        Self { pair: Arc::new(pair), id }
    }

    /// Its name, which blocks carry: the beginning of a digest of the public key.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The public key, 32 bytes in base64, for those who verify.
    pub fn public_key(&self) -> String {
        STANDARD.encode(self.pair.public_key().as_ref())
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealKey({})", self.id)
    }
}

/// The public keys whose signatures count.
#[derive(Clone, Debug, Default)]
pub struct TrustedKeys(BTreeMap<String, Vec<u8>>);

impl TrustedKeys {
    /// None yet: nothing verifies.
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more, 32 bytes in base64; older ones stay, so that keys can be changed.
    ///
    /// # Errors
    /// [`SealKeyError`] if it is none.
    pub fn with(mut self, public_key: &str) -> Result<Self, SealKeyError> {
        let bytes = STANDARD.decode(public_key.trim()).map_err(|_| SealKeyError)?;
        if bytes.len() != 32 {
            return Err(SealKeyError);
        }
        self.0.insert(key_id(&bytes), bytes);
        Ok(self)
    }

    /// With that one.
    #[must_use]
    pub fn with_key(mut self, key: &SealKey) -> Self {
        self.0.insert(key.id.clone(), key.pair.public_key().as_ref().to_vec());
        self
    }

    pub(crate) fn verify(&self, key_id: &str, message: &[u8], signature: &[u8]) -> bool {
        let verify = |key: &Vec<u8>| UnparsedPublicKey::new(&ED25519, key).verify(message, signature).is_ok();
        self.0.get(key_id).is_some_and(verify)
    }
}

fn key_id(public_key: &[u8]) -> String {
    let id = hex(&digest("catalog.audit.key.v1", &[public_key]));
    id.get(..16).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_they_are_written() {
        let key = SealKey::parse(&SealKey::generate().unwrap()).unwrap();
        let other = SealKey::parse(&SealKey::generate().unwrap()).unwrap();
        // of RFC 8410
        let pem =
            format!("{BEGIN}\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n{END}\n");
        let of_file = SealKey::parse(&pem).unwrap();
        assert_eq!(of_file.public_key(), "Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=");
        let trusted = TrustedKeys::new().with(&key.public_key()).unwrap().with_key(&of_file);
        for key in [&key, &of_file] {
            let signature = key.sign(b"text");
            assert!(trusted.verify(key.id(), b"text", &signature));
            assert!(!trusted.verify(key.id(), b"texts", &signature));
        }
        assert!(!trusted.verify(other.id(), b"text", &other.sign(b"text")), "a stranger's");
        assert!(!trusted.verify(key.id(), b"text", &other.sign(b"text")));
        for bad in ["", "short", "c2hvcnQ=", BEGIN] {
            assert!(SealKey::parse(bad).is_err(), "{bad}");
            assert!(TrustedKeys::new().with(bad).is_err(), "{bad}");
        }
    }
}
