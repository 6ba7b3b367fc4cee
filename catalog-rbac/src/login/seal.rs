use std::fmt;

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    error::Unspecified,
    hkdf,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Serialize, de::DeserializeOwned};

/// What a cookie is for; one kind is never taken for another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// A login that is under way.
    Attempt,
    /// A session.
    Session,
}

impl Kind {
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Attempt => "login",
            Self::Session => "session",
        }
    }
}

/// Seals values so that nobody else can read or make one.
///
/// Form: base64url of version, nonce, and the value as JSON in AES-256-GCM with its tag. Each kind has a key of its own, made from
/// the given ones by HKDF-SHA-256; kind and binding are authenticated, too. Nonces are random.
pub(super) struct Sealer {
    attempt: Vec<RandomizedNonceKey>,
    session: Vec<RandomizedNonceKey>,
    /// What values are for besides: those of another issuer, client or service do not open.
    binding: String,
}

/// A value that was not sealed here for that.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct NotSealed;

const VERSION: u8 = 1;
const SALT: &[u8] = b"catalog-rbac login cookies";
/// The longest text worth looking at.
const MAX_SEALED: usize = 4_096;

impl Sealer {
    /// By those keys: the first seals, all open.
    pub(super) fn new<K: AsRef<[u8]>>(keys: &[K], binding: String) -> Result<Self, Unspecified> {
        let of =
            |kind: Kind| keys.iter().map(|key| derive(key.as_ref(), kind)).collect::<Result<Vec<_>, _>>();
        Ok(Self { attempt: of(Kind::Attempt)?, session: of(Kind::Session)?, binding })
    }

    /// The value, sealed. It fails only where the system has no randomness to give.
    pub(super) fn seal(&self, kind: Kind, value: &impl Serialize) -> Result<String, Unspecified> {
        let mut text = serde_json::to_vec(value).map_err(|_| Unspecified)?;
        let key = self.keys(kind).first().ok_or(Unspecified)?;
        let nonce = key.seal_in_place_append_tag(self.bound(kind), &mut text)?;
        let mut sealed = vec![VERSION];
        sealed.extend_from_slice(nonce.as_ref());
        sealed.extend_from_slice(&text);
        Ok(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// The value that was sealed.
    pub(super) fn open<T: DeserializeOwned>(&self, kind: Kind, sealed: &[u8]) -> Result<T, NotSealed> {
        if sealed.len() > MAX_SEALED {
            return Err(NotSealed);
        }
        let bytes = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| NotSealed)?;
        let (version, rest) = bytes.split_first().ok_or(NotSealed)?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE_LEN>().ok_or(NotSealed)?;
        if *version != VERSION {
            return Err(NotSealed);
        }
        self.keys(kind)
            .iter()
            .find_map(|key| {
                // what is opened in its place is spoilt by a key that is not the one
                let mut text = rest.to_vec();
                let opened = key.open_in_place(Nonce::from(nonce), self.bound(kind), &mut text).ok()?;
                serde_json::from_slice(opened).ok()
            })
            .ok_or(NotSealed)
    }

    fn keys(&self, kind: Kind) -> &[RandomizedNonceKey] {
        match kind {
            Kind::Attempt => &self.attempt,
            Kind::Session => &self.session,
        }
    }

    fn bound(&self, kind: Kind) -> Aad<String> {
        Aad::from(format!("{}\n{}", kind.label(), self.binding))
    }
}

fn derive(key: &[u8], kind: Kind) -> Result<RandomizedNonceKey, Unspecified> {
    let mut derived = [0; 32];
    let label = [kind.label().as_bytes()];
    hkdf::Salt::new(hkdf::HKDF_SHA256, SALT)
        .extract(key)
        .expand(&label, hkdf::HKDF_SHA256)?
        .fill(&mut derived)?;
    RandomizedNonceKey::new(&AES_256_GCM, &derived)
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealer({} keys)", self.session.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OLD: &str = "old-key-old-key-old-key-old-key-old-key";
    const NEW: &str = "new-key-new-key-new-key-new-key-new-key";

    fn sealer(keys: &[&str], binding: &str) -> Sealer {
        Sealer::new(keys, binding.into()).unwrap()
    }

    fn open(sealer: &Sealer, kind: Kind, text: &str) -> Result<String, NotSealed> {
        sealer.open(kind, text.as_bytes())
    }

    proptest! {
        #[test]
        fn what_was_sealed_opens(value in ".{0,200}") {
            let sealer = sealer(&[OLD], "a");
            let text = sealer.seal(Kind::Session, &value).unwrap();
            prop_assert_ne!(&text, &sealer.seal(Kind::Session, &value).unwrap(), "nonces differ");
            prop_assert_eq!(open(&sealer, Kind::Session, &text), Ok(value));
        }

        #[test]
        fn what_was_changed_does_not(value in ".{0,40}", at in any::<prop::sample::Index>(), to in any::<u8>()) {
            let sealer = sealer(&[OLD], "a");
            let mut bytes = URL_SAFE_NO_PAD.decode(sealer.seal(Kind::Session, &value).unwrap()).unwrap();
            let at = at.index(bytes.len());
            prop_assume!(bytes[at] != to);
            bytes[at] = to;
            prop_assert!(open(&sealer, Kind::Session, &URL_SAFE_NO_PAD.encode(&bytes)).is_err());
            bytes.truncate(at);
            prop_assert!(open(&sealer, Kind::Session, &URL_SAFE_NO_PAD.encode(&bytes)).is_err());
        }

        #[test]
        fn any_bytes_do_not(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            prop_assert!(sealer(&[OLD], "a").open::<String>(Kind::Session, &bytes).is_err());
            let text = URL_SAFE_NO_PAD.encode(&bytes);
            prop_assert!(open(&sealer(&[OLD], "a"), Kind::Attempt, &text).is_err());
        }
    }

    #[test]
    fn a_kind_a_key_and_a_service_open_only_what_is_theirs() {
        let text = sealer(&[OLD], "a").seal(Kind::Attempt, &"x").unwrap();
        assert!(open(&sealer(&[NEW, OLD], "a"), Kind::Attempt, &text).is_ok());
        assert!(open(&sealer(&[OLD], "a"), Kind::Session, &text).is_err());
        assert!(open(&sealer(&[NEW], "a"), Kind::Attempt, &text).is_err());
        assert!(open(&sealer(&[OLD], "b"), Kind::Attempt, &text).is_err());
    }

    #[test]
    fn what_is_sealed_cannot_be_read() {
        let text = sealer(&[OLD], "a").seal(Kind::Session, &"jane@example.com").unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(text).unwrap();
        assert!(!bytes.windows(4).any(|window| window == b"jane"));
    }
}
