use std::{
    collections::{BTreeMap, HashMap},
    fmt::{self, Write},
    sync::Arc,
};

use catalog_core::{
    identity::{self, Identity},
    yaml::{Limits, Node, YamlError},
};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::super::{chain::authenticated, name};

/// Tokens and whose they are. It holds digests, not the tokens.
#[derive(Clone, Default)]
pub struct TokenList {
    identities: HashMap<[u8; 32], Arc<Identity>>,
}

/// What is wrong with a list of tokens.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{}{message}", place(*.line))]
pub struct TokenListError {
    line: Option<usize>,
    message: String,
}

fn place(line: Option<usize>) -> String {
    line.map(|line| format!("line {line}: ")).unwrap_or_default()
}

/// One token in a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    sha256: String,
    user: String,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    extra: BTreeMap<String, Vec<String>>,
}

/// Who may have names that begin with `system:`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum SystemNames {
    Refused,
    Allowed,
}

/// A longer file is none, in bytes.
const MAX_BYTES: usize = 4 * 1024 * 1024;

impl TokenList {
    /// Without tokens.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a YAML or JSON list of `{sha256, user, groups, extra}`; `sha256` is the [digest](token_digest) of the token.
    ///
    /// # Errors
    /// [`TokenListError`] with the line: an unknown field, a token twice, a name that is none or begins with `system:`.
    pub fn parse(text: &str) -> Result<Self, TokenListError> {
        Self::read(text, SystemNames::Refused)
    }

    /// Reads a list whose users and groups may have names that begin with `system:`, `system:masters` among them: who has the file
    /// may do everything.
    ///
    /// # Errors
    /// As [`parse`](Self::parse) but for those names.
    pub fn parse_with_system_names(text: &str) -> Result<Self, TokenListError> {
        Self::read(text, SystemNames::Allowed)
    }

    pub(super) fn read(text: &str, system: SystemNames) -> Result<Self, TokenListError> {
        let root = Node::parse(text, Limits { bytes: MAX_BYTES, ..Limits::default() }).map_err(from_yaml)?;
        let fault = |line, message: &str| TokenListError { line: Some(line), message: message.into() };
        let items = root.items().ok_or_else(|| fault(root.line(), "is no list of tokens"))?;
        let mut list = Self::new();
        for item in items {
            let entry: Entry = item.deserialize().map_err(from_yaml)?;
            let digest = digest_from_hex(&entry.sha256)
                .ok_or_else(|| fault(item.line(), "`sha256` is not 64 hexadecimal digits"))?;
            let mut identity = Identity::new(entry.user, identity::Authenticator::Token);
            (identity.groups, identity.extra) = (entry.groups, entry.extra);
            list.insert(digest, identity, system).map_err(|message| fault(item.line(), &message))?;
        }
        Ok(list)
    }

    /// With a token in plain text, for a demonstration or a test; only its digest is kept.
    ///
    /// # Errors
    /// [`TokenListError`] if the token is empty or on the list, or a name is none or begins with `system:`.
    pub fn with_plain_token(self, token: &str, identity: Identity) -> Result<Self, TokenListError> {
        self.with_token(token, identity, SystemNames::Refused)
    }

    /// With a token in plain text for somebody whose name or groups begin with `system:`, `system:masters` among them.
    ///
    /// # Errors
    /// As [`with_plain_token`](Self::with_plain_token) but for those names.
    pub fn with_plain_system_token(self, token: &str, identity: Identity) -> Result<Self, TokenListError> {
        self.with_token(token, identity, SystemNames::Allowed)
    }

    fn with_token(
        mut self,
        token: &str,
        mut identity: Identity,
        system: SystemNames,
    ) -> Result<Self, TokenListError> {
        let fault = |message: String| TokenListError { line: None, message };
        if token.is_empty() {
            return Err(fault("a token is empty".into()));
        }
        identity.authenticator = identity::Authenticator::Token;
        self.insert(Sha256::digest(token).into(), identity, system).map_err(fault)?;
        Ok(self)
    }

    fn insert(&mut self, digest: [u8; 32], identity: Identity, system: SystemNames) -> Result<(), String> {
        for name in identity.groups.iter().chain([&identity.user]) {
            if let Some(fault) = name::fault(name) {
                return Err(format!("the name of a user or group {fault}"));
            }
            if system == SystemNames::Refused && name::is_system(name) {
                return Err(format!("`{name}` begins with `system:`, which has to be allowed"));
            }
        }
        if self.identities.insert(digest, authenticated(Arc::new(identity))).is_some() {
            return Err("the same token stands there before".into());
        }
        Ok(())
    }

    /// How many tokens there are.
    pub fn len(&self) -> usize {
        self.identities.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.identities.is_empty()
    }

    /// Whose token it is. What is compared are digests, so that the time it takes tells nothing of a token.
    pub(super) fn find(&self, token: &str) -> Option<Arc<Identity>> {
        let digest: [u8; 32] = Sha256::digest(token).into();
        self.identities.get(&digest).cloned()
    }
}

impl fmt::Debug for TokenList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenList").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// What stands for a token in a file: the SHA-256 of its bytes in lower-case hexadecimal, as `printf %s "$TOKEN" | sha256sum`
/// prints it.
pub fn token_digest(token: &str) -> String {
    Sha256::digest(token).iter().fold(String::with_capacity(64), |mut text, byte| {
        // writing to a string does not fail
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn digest_from_hex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 {
        return None;
    }
    let mut digest = [0; 32];
    for (byte, pair) in digest.iter_mut().zip(text.as_bytes().chunks(2)) {
        // `from_str_radix` takes a sign
        let pair = str::from_utf8(pair).ok().filter(|pair| pair.bytes().all(|b| b.is_ascii_hexdigit()))?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(digest)
}

fn from_yaml(error: YamlError) -> TokenListError {
    let YamlError { line, field, message, .. } = error;
    let message = if field.is_empty() { message } else { format!("`{field}`: {message}") };
    TokenListError { line: Some(line), message }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(token: &str, rest: &str) -> String {
        format!("- sha256: {}\n  {rest}\n", token_digest(token))
    }

    #[test]
    fn a_token_of_the_list_is_somebodys_and_another_nobodys() {
        let text = entry("a", "user: jane\n  groups: [team-a]\n  extra: {scopes: [read]}")
            + &entry("b", "user: joe");
        for list in [TokenList::parse(&text), TokenList::parse_with_system_names(&text)] {
            let list = list.unwrap();
            let jane = list.find("a").unwrap();
            assert_eq!((jane.user.as_str(), &jane.extra["scopes"]), ("jane", &vec!["read".to_owned()]));
            assert_eq!(jane.groups, ["team-a", "system:authenticated"]);
            assert_eq!(list.find("b").unwrap().user, "joe");
            for other in ["", "c", "A", &token_digest("a")] {
                assert!(list.find(other).is_none(), "{other}");
            }
        }
        let json = format!(r#"[{{"sha256": "{}", "user": "jane"}}]"#, token_digest("a").to_uppercase());
        assert_eq!(TokenList::parse(&json).unwrap().find("a").unwrap().user, "jane");
        assert!(TokenList::parse("[]").unwrap().is_empty());
    }

    #[test]
    fn what_could_be_meant_otherwise_is_refused_with_its_line() {
        let good = entry("a", "user: jane");
        for (text, line, part) in [
            (String::new(), 1, "no list"),
            ("user: jane".into(), 1, "no list"),
            (good.clone() + &entry("a", "user: joe"), 3, "before"),
            (good.clone() + &entry("b", "user: ''"), 3, "empty"),
            (good.clone() + &entry("b", "user: system:admin"), 3, "system:"),
            (good.clone() + &entry("b", "user: joe\n  groups: [system:masters]"), 3, "system:masters"),
            (good.clone() + "- user: joe\n", 3, "sha256"),
            (good.clone() + "- sha256: abc\n  user: joe\n", 3, "64"),
            (good.clone() + &format!("- sha256: '{}'\n  user: joe\n", "+f".repeat(32)), 3, "64"),
            (good.clone() + "- token: secret-word\n  user: joe\n", 3, "token"),
        ] {
            let error = TokenList::parse(&text).unwrap_err().to_string();
            assert!(error.contains(part) && error.contains(&format!("line {line}: ")), "{text}: {error}");
            assert!(!error.contains("secret-word"), "{error}");
        }
        let admin = entry("b", "user: joe\n  groups: [system:masters]");
        assert_eq!(TokenList::parse_with_system_names(&admin).unwrap().len(), 1);
    }

    #[test]
    fn a_plain_token_is_hashed_and_system_names_have_to_be_asked_for() {
        let somebody = |user: &str| Identity::new(user, identity::Authenticator::Anonymous);
        let list = TokenList::new().with_plain_token("demo", somebody("jane")).unwrap();
        assert_eq!(list.find("demo").unwrap().authenticator, identity::Authenticator::Token);
        assert!(list.clone().with_plain_token("demo", somebody("joe")).is_err());
        assert!(list.clone().with_plain_token("", somebody("joe")).is_err());
        let masters = somebody("root").with_group("system:masters");
        assert!(list.clone().with_plain_token("root", masters.clone()).is_err());
        assert!(list.clone().with_plain_system_token("root", masters).is_ok());
        assert!(!format!("{list:?}").contains("jane"));
    }
}
