use catalog_core::clock::Timestamp;
use openidconnect::{CsrfToken, Nonce, PkceCodeVerifier};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

/// A login that is under way; it is kept in the browser that began it, sealed, so that no other can end it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Attempt {
    /// What the provider sends back.
    pub(super) state: CsrfToken,
    /// What its ID token has to say.
    pub(super) nonce: Nonce,
    /// What shows that whoever brings the code asked for it (RFC 7636).
    pub(super) verifier: PkceCodeVerifier,
    /// Where it leads.
    pub(super) return_to: String,
    /// In milliseconds since 1970.
    pub(super) expires_at_ms: i64,
}

impl Attempt {
    pub(super) fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at_ms <= now.unix_ms()
    }

    /// Whether the provider's answer is to this one.
    pub(super) fn is_answered_by(&self, state: &str) -> bool {
        self.state.secret().as_bytes().ct_eq(state.as_bytes()).into()
    }
}
