use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::Uuid;

use crate::order::SortKey;

/// Where a page ends: the sort key, name and id of its last row.
#[derive(Clone, Debug, PartialEq, PartialOrd)]
pub struct Position {
    /// Where the row stands in the order.
    pub key: SortKey,
    /// What comes next among those that stand there too: its name, or nothing where the order goes on with the id.
    pub name: String,
    /// The row, among those that stand there still.
    pub id: Uuid,
}

/// Makes and checks page tokens, with keys that the replicas of a service share.
///
/// Form: base64url of version, position and the first 16 bytes of an HMAC-SHA-256 over both and over what the list was asked with.
/// The first key signs; all verify, so that keys can be rotated without breaking a walk that is under way.
#[derive(Clone)]
pub struct PageTokens {
    keys: Vec<Hmac<Sha256>>,
}

/// A page token that this service did not make, or not for this list.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the page token is not one that this list gave out")]
pub struct PageTokenError;

/// Keys that cannot be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum KeyError {
    /// There is none.
    #[error("at least one page token key is needed")]
    None,
    /// One is guessable.
    #[error("page token key {0} is shorter than 32 characters")]
    Short(usize),
}

const VERSION: u8 = 2;
const MAC_LEN: usize = 16;
/// The longest token worth looking at.
const MAX_TOKEN: usize = 4 * SortKey::MAX_TEXT;
const MIN_KEY: usize = 32;

impl PageTokens {
    /// From those keys, each at least 32 characters; the first signs.
    ///
    /// # Errors
    /// [`KeyError`] without a key, or with one too short; `Short` counts from 1.
    pub fn new<K: AsRef<[u8]>>(keys: impl IntoIterator<Item = K>) -> Result<Self, KeyError> {
        let mut out = Vec::new();
        for (index, key) in keys.into_iter().enumerate() {
            let key = key.as_ref();
            let mac = Hmac::new_from_slice(key).ok().filter(|_| key.len() >= MIN_KEY);
            out.push(mac.ok_or(KeyError::Short(index + 1))?);
        }
        if out.is_empty() { Err(KeyError::None) } else { Ok(Self { keys: out }) }
    }

    /// A fresh key: 43 letters of base64url, 32 bytes from the system's random source.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn generate_key() -> Result<String, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The token of a position in the list that `binding` describes.
    pub fn encode(&self, position: &Position, binding: &[&str]) -> String {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(position.id.as_bytes());
        // no name is longer than its type allows
        bytes.extend_from_slice(&u16::try_from(position.name.len()).unwrap_or(u16::MAX).to_be_bytes());
        bytes.extend_from_slice(position.name.as_bytes());
        match &position.key {
            SortKey::Text(text) => {
                bytes.push(b't');
                bytes.extend_from_slice(text.as_bytes());
            }
            SortKey::Integer(number) => {
                bytes.push(b'i');
                bytes.extend_from_slice(&number.to_be_bytes());
            }
            SortKey::Number(number) => {
                bytes.push(b'n');
                bytes.extend_from_slice(&number.to_be_bytes());
            }
        }
        let tag = self.keys.first().map(|key| authenticate(key, &bytes, binding).finalize().into_bytes());
        bytes.extend(tag.iter().flatten().take(MAC_LEN));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The position in a token, if this service made it for the list that `binding` describes.
    ///
    /// # Errors
    /// [`PageTokenError`] in every other case; it does not tell which.
    pub fn decode(&self, token: &str, binding: &[&str]) -> Result<Position, PageTokenError> {
        if token.len() > MAX_TOKEN {
            return Err(PageTokenError);
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| PageTokenError)?;
        let split = bytes.len().checked_sub(MAC_LEN).ok_or(PageTokenError)?;
        let (payload, tag) = bytes.split_at(split);
        let genuine = |key| authenticate(key, payload, binding).verify_truncated_left(tag).is_ok();
        if !self.keys.iter().any(genuine) {
            return Err(PageTokenError);
        }
        parse(payload).ok_or(PageTokenError)
    }
}

impl fmt::Debug for PageTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PageTokens({} keys)", self.keys.len())
    }
}

/// The MAC over the payload and each part of the binding, with lengths, so that no two bindings read alike.
fn authenticate(key: &Hmac<Sha256>, payload: &[u8], binding: &[&str]) -> Hmac<Sha256> {
    let mut mac = key.clone();
    for part in std::iter::once(payload).chain(binding.iter().map(|part| part.as_bytes())) {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac
}

fn parse(payload: &[u8]) -> Option<Position> {
    let (version, rest) = payload.split_first()?;
    let (id, rest) = rest.split_first_chunk::<16>()?;
    let (name_len, rest) = rest.split_first_chunk::<2>()?;
    let (name, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*name_len)))?;
    let name = std::str::from_utf8(name).ok()?.to_owned();
    let (tag, rest) = rest.split_first()?;
    let key = match tag {
        b't' => SortKey::Text(std::str::from_utf8(rest).ok()?.into()),
        b'i' => SortKey::Integer(i64::from_be_bytes(rest.try_into().ok()?)),
        b'n' => SortKey::Number(f64::from_be_bytes(rest.try_into().ok()?)),
        _ => return None,
    };
    (*version == VERSION).then_some(Position { key, name, id: Uuid::from_bytes(*id) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OLD: &str = "old-key-old-key-old-key-old-key-old-key";
    const NEW: &str = "new-key-new-key-new-key-new-key-new-key";

    fn tokens(keys: &[&str]) -> PageTokens {
        PageTokens::new(keys).unwrap()
    }

    fn position() -> impl Strategy<Value = Position> {
        let key = prop_oneof![
            ".{0,60}".prop_map(SortKey::Text),
            any::<i64>().prop_map(SortKey::Integer),
            any::<f64>().prop_filter("a number", |n| !n.is_nan()).prop_map(SortKey::Number),
        ];
        (key, ".{0,60}", any::<u128>()).prop_map(|(key, name, id)| Position {
            key,
            name,
            id: Uuid::from_u128(id),
        })
    }

    proptest! {
        #[test]
        fn a_token_leads_back_to_its_position(position in position()) {
            let tokens = tokens(&[OLD]);
            let token = tokens.encode(&position, &["team-a", "model"]);
            prop_assert_eq!(tokens.decode(&token, &["team-a", "model"]).unwrap(), position);
        }

        #[test]
        fn a_token_of_another_list_is_refused(position in position(), other in "[a-z-]{0,12}") {
            let tokens = tokens(&[OLD]);
            let token = tokens.encode(&position, &["team-a", "model"]);
            prop_assume!(other != "model");
            prop_assert!(tokens.decode(&token, &["team-a", &other]).is_err());
            prop_assert!(tokens.decode(&token, &["team-am", "odel"]).is_err());
            prop_assert!(tokens.decode(&token, &["team-a", "model", ""]).is_err());
        }

        #[test]
        fn a_changed_token_is_refused(position in position(), at in any::<prop::sample::Index>(), to in any::<u8>()) {
            let tokens = tokens(&[OLD]);
            let mut bytes = URL_SAFE_NO_PAD.decode(tokens.encode(&position, &["a"])).unwrap();
            let at = at.index(bytes.len());
            prop_assume!(bytes[at] != to);
            bytes[at] = to;
            prop_assert!(tokens.decode(&URL_SAFE_NO_PAD.encode(&bytes), &["a"]).is_err());
            bytes.truncate(at);
            prop_assert!(tokens.decode(&URL_SAFE_NO_PAD.encode(&bytes), &["a"]).is_err());
        }

        #[test]
        fn any_text_is_no_token(text in ".{0,120}") {
            prop_assert!(tokens(&[OLD]).decode(&text, &["a"]).is_err());
        }
    }

    #[test]
    fn keys_rotate_without_breaking_a_walk() {
        let position = Position { key: SortKey::Integer(7), name: String::new(), id: Uuid::nil() };
        let token = tokens(&[OLD]).encode(&position, &["a"]);
        assert!(tokens(&[NEW, OLD]).decode(&token, &["a"]).is_ok());
        assert!(tokens(&[NEW]).decode(&token, &["a"]).is_err());
    }

    #[test]
    fn weak_keys_are_refused() {
        assert_eq!(PageTokens::new::<&str>([]).unwrap_err(), KeyError::None);
        assert_eq!(PageTokens::new([OLD, "short"]).unwrap_err(), KeyError::Short(2));
        assert!(PageTokens::new([PageTokens::generate_key().unwrap()]).is_ok());
    }
}
