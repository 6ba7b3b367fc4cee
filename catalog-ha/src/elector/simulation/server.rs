//! The store, as it is when a request arrives.

use std::time::Duration;

use crate::{
    fence::FencingToken,
    lease::{Claim, LeaseErrorKind, LeaseRecord, Version},
};

#[derive(Debug)]
pub(super) struct Server {
    has_clock: bool,
    stored: Option<Stored>,
    newest: i64,
}

#[derive(Clone, Debug)]
struct Stored {
    holder: String,
    version: u64,
    duration: Duration,
    until: Duration,
}

impl Server {
    pub(super) fn new(has_clock: bool) -> Self {
        Self { has_clock, stored: None, newest: 0 }
    }

    pub(super) fn read(&self, now: Duration) -> Option<LeaseRecord> {
        self.stored.as_ref().map(|stored| LeaseRecord {
            holder: Some(stored.holder.clone()).filter(|holder| !holder.is_empty()),
            version: Version::new(stored.version.to_string()),
            heartbeat: stored.version.to_string(),
            duration: stored.duration,
            remaining: self.has_clock.then(|| stored.until.saturating_sub(now)),
        })
    }

    pub(super) fn claim(&mut self, now: Duration, claim: &Claim) -> Result<Version, LeaseErrorKind> {
        let version = self.stored.as_ref().map(|stored| stored.version.to_string());
        if version.as_deref() != claim.replaces.as_ref().map(Version::as_str) {
            return Err(LeaseErrorKind::Conflict);
        }
        let is_free = self.stored.as_ref().is_none_or(|stored| {
            stored.holder.is_empty() || stored.holder == claim.holder || stored.until <= now
        });
        if self.has_clock && !is_free {
            return Err(LeaseErrorKind::Conflict);
        }
        let version = self.stored.as_ref().map_or(0, |stored| stored.version) + 1;
        let (holder, duration) = (claim.holder.clone(), claim.duration);
        self.stored = Some(Stored { holder, version, duration, until: now + duration });
        Ok(Version::new(version.to_string()))
    }

    pub(super) fn release(&mut self, holder: &str, version: &Version) {
        let own = self
            .stored
            .as_mut()
            .filter(|stored| stored.holder == holder && stored.version.to_string() == version.as_str());
        if let Some(stored) = own {
            stored.version += 1;
            stored.holder.clear();
        }
    }

    pub(super) fn newest(&self) -> FencingToken {
        FencingToken { timeline: 0, number: self.newest }
    }

    pub(super) fn raise(&mut self, newest: FencingToken) -> Result<FencingToken, LeaseErrorKind> {
        if newest != self.newest() {
            return Err(LeaseErrorKind::Conflict);
        }
        self.newest += 1;
        Ok(self.newest())
    }
}
