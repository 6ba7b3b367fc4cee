//! A process with one candidate.

use std::time::Duration;

use super::super::{ElectorConfig, election::Election};
use crate::fence::FencingToken;

#[derive(Debug)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) election: Election,
    pub(super) newest: FencingToken,
    /// Whether it has asked for that since it last claimed.
    pub(super) knows_newest: bool,
    /// The token it leads by and the end of its trust, on its own clock.
    pub(super) leads: Option<(FencingToken, Duration)>,
    /// What it waits for; anything else that arrives is of no interest any more.
    pub(super) awaits: u64,
    pub(super) stopped_until: Duration,
    pub(super) cut_off_until: Duration,
    rate: f64,
    started: Duration,
}

impl Node {
    pub(super) fn new(name: String, rate: f64, seed: u64, now: Duration) -> Self {
        let election = Election::new(name.clone(), ElectorConfig::default(), seed);
        Self {
            name,
            election,
            newest: FencingToken::default(),
            knows_newest: false,
            leads: None,
            awaits: 0,
            stopped_until: Duration::ZERO,
            cut_off_until: Duration::ZERO,
            rate,
            started: now,
        }
    }

    pub(super) fn rate(&self) -> f64 {
        self.rate
    }

    /// What its clock shows.
    pub(super) fn local(&self, now: Duration) -> Duration {
        now.saturating_sub(self.started).mul_f64(self.rate)
    }

    /// When its clock shows that.
    pub(super) fn global(&self, local: Duration) -> Duration {
        // rounding must not make it wait for an instant that has passed already
        self.started + local.div_f64(self.rate) + Duration::from_nanos(2)
    }

    pub(super) fn is_leading(&self, now: Duration) -> bool {
        self.leads.is_some_and(|(_, deadline)| self.local(now) < deadline)
    }
}
