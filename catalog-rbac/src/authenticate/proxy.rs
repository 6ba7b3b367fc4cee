use std::{collections::BTreeSet, sync::Arc};

use catalog_core::{
    context::{Peer, RequestContext},
    identity::{self, Identity},
};
use http::{HeaderMap, HeaderName, HeaderValue, header, request::Parts};
use percent_encoding::percent_decode_str;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{
    Authenticator, Outcome, Refusal,
    chain::authenticated,
    headers::{REMOTE, REMOTE_EXTRA, REMOTE_GROUP, REMOTE_USER},
    name,
};

/// Believes `X-Remote-User`, `X-Remote-Group` (one group for each header line) and `X-Remote-Extra-<key>` of a proxy that proves
/// itself by the connection or by a secret. Where an address comes from proves nothing.
///
/// Without any proof named nobody is believed. Names that begin with `system:` are refused whoever sends them.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct ProxyAuthenticator {
    certificates: BTreeSet<String>,
    unix_socket: bool,
    secrets: Vec<SharedSecret>,
}

#[derive(Clone)]
struct SharedSecret {
    header: HeaderName,
    digest: [u8; 32],
}

impl std::fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SharedSecret").field("header", &self.header).finish_non_exhaustive()
    }
}

/// A shared secret that would prove nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SharedSecretError {
    /// It could be guessed.
    #[error("the proxy's secret is shorter than 16 bytes")]
    Short,
    /// The header is one that callers send for other ends.
    #[error("the proxy's secret cannot be in a header that names callers or carries tokens")]
    Header,
}

/// A shorter secret could be guessed, in bytes.
const MIN_SECRET: usize = 16;

impl ProxyAuthenticator {
    /// Believes nobody, until a proof is named.
    pub fn new() -> Self {
        Self::default()
    }

    /// Believes peers with a verified client certificate of one of those names.
    pub fn with_certificate_names<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.certificates.extend(names.into_iter().map(Into::into));
        self
    }

    /// Believes who may open the server's Unix socket.
    pub fn with_unix_socket(mut self) -> Self {
        self.unix_socket = true;
        self
    }

    /// Believes who sends that secret in that header, which is taken out of the request. Several may be named, to change them
    /// without a gap.
    ///
    /// # Errors
    /// [`SharedSecretError`] for a secret shorter than 16 bytes, and for headers that have another meaning.
    pub fn with_shared_secret(
        mut self,
        header: HeaderName,
        secret: impl AsRef<[u8]>,
    ) -> Result<Self, SharedSecretError> {
        if secret.as_ref().len() < MIN_SECRET {
            return Err(SharedSecretError::Short);
        }
        if header == header::AUTHORIZATION || header.as_str().starts_with(REMOTE) {
            return Err(SharedSecretError::Header);
        }
        self.secrets.push(SharedSecret { header, digest: Sha256::digest(secret).into() });
        Ok(self)
    }

    /// Whether the request comes from a proxy to be believed.
    fn is_proven(&self, parts: &Parts) -> Result<bool, Refusal> {
        // each layer works alone, so the context may not be there yet
        let peer = RequestContext::find(&parts.extensions)
            .and_then(RequestContext::peer)
            .or_else(|| parts.extensions.get::<Peer>());
        if let Some(peer) = peer {
            let named = peer.certificate().is_some_and(|name| self.certificates.contains(name));
            if named || (self.unix_socket && peer.is_unix()) {
                return Ok(true);
            }
        }
        self.shows_secret(&parts.headers)
    }

    fn shows_secret(&self, headers: &HeaderMap) -> Result<bool, Refusal> {
        let (mut shown, mut right) = (false, false);
        for secret in &self.secrets {
            let mut values = headers.get_all(&secret.header).iter();
            let Some(value) = values.next() else { continue };
            if values.next().is_some() {
                return Err(Refusal::malformed("several headers with a proxy's secret"));
            }
            shown = true;
            // digests are of one length, so that not even that of the secret shows
            right |= bool::from(Sha256::digest(value.as_bytes()).as_slice().ct_eq(&secret.digest));
        }
        if shown && !right {
            return Err(Refusal::invalid("a wrong proxy's secret"));
        }
        Ok(right)
    }
}

impl Authenticator for ProxyAuthenticator {
    fn peek(&self, parts: &Parts) -> Option<Outcome> {
        let read = |proven: bool| if proven { identity(&parts.headers) } else { Ok(None) };
        Some(match self.is_proven(parts).and_then(read) {
            Ok(None) => Outcome::Absent,
            Ok(Some(identity)) => Outcome::Known(authenticated(Arc::new(identity))),
            Err(refusal) => Outcome::Refused(refusal),
        })
    }

    fn strip(&self, headers: &mut HeaderMap) {
        for secret in &self.secrets {
            headers.remove(&secret.header);
        }
    }
}

/// Whom a proven proxy names; nobody where it names none.
fn identity(headers: &HeaderMap) -> Result<Option<Identity>, Refusal> {
    let mut users = headers.get_all(REMOTE_USER).iter();
    let Some(user) = users.next() else {
        let stray = |name: &HeaderName| *name == REMOTE_GROUP || name.as_str().starts_with(REMOTE_EXTRA);
        if headers.keys().any(stray) {
            return Err(Refusal::malformed("a proxy names groups or extras without a user"));
        }
        return Ok(None);
    };
    if users.next().is_some() {
        return Err(Refusal::malformed("a proxy names several users"));
    }
    let mut identity = Identity::new(read_name(user)?, identity::Authenticator::Proxy);
    for group in headers.get_all(REMOTE_GROUP) {
        identity.groups.push(read_name(group)?.into());
    }
    for (header, value) in headers {
        let Some(key) = header.as_str().strip_prefix(REMOTE_EXTRA) else { continue };
        let key = percent_decode_str(key).decode_utf8();
        let key =
            key.map_err(|_| Refusal::malformed("the key of a proxy's extra is not UTF-8"))?.to_lowercase();
        if name::fault(&key).is_some() {
            return Err(Refusal::malformed("the key of a proxy's extra is no name"));
        }
        identity.extra.entry(key).or_default().push(text(value)?.into());
    }
    Ok(Some(identity))
}

fn read_name(value: &HeaderValue) -> Result<&str, Refusal> {
    let name = text(value)?;
    if let Some(fault) = name::fault(name) {
        return Err(Refusal::malformed(format!("a name that a proxy gives {fault}")));
    }
    if name::is_system(name) {
        return Err(Refusal::invalid("a proxy gives a name that begins with system:"));
    }
    Ok(name)
}

fn text(value: &HeaderValue) -> Result<&str, Refusal> {
    str::from_utf8(value.as_bytes()).map_err(|_| Refusal::malformed("a proxy's header is not UTF-8"))
}
