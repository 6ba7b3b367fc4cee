use std::collections::BTreeMap;

use catalog_core::{
    clock::Timestamp,
    identity::{self, Identity},
};
use serde::{Deserialize, Serialize};

/// Who has logged in, and until when; it is kept in the browser, sealed.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Session {
    #[serde(rename = "u")]
    user: String,
    #[serde(rename = "g")]
    groups: Vec<String>,
    #[serde(rename = "x", default, skip_serializing_if = "BTreeMap::is_empty")]
    extra: BTreeMap<String, Vec<String>>,
    /// In milliseconds since 1970.
    #[serde(rename = "e")]
    expires_at_ms: i64,
}

impl Session {
    pub(super) fn new(identity: Identity, expires_at: Timestamp) -> Self {
        let Identity { user, groups, extra, .. } = identity;
        Self { user, groups, extra, expires_at_ms: expires_at.unix_ms() }
    }

    pub(super) fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at_ms <= now.unix_ms()
    }

    pub(super) fn into_identity(self) -> Identity {
        let mut identity = Identity::new(self.user, identity::Authenticator::Oidc);
        (identity.groups, identity.extra) = (self.groups, self.extra);
        identity
    }
}
