use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use catalog_core::clock::{Clock, Timestamp};
use serde::Deserialize;

use super::{
    OidcIssuer,
    fetch::{FetchError, Fetcher},
    key_set::KeySet,
};

/// An issuer's keys: fetched when they are wanted, fetched again after a while and when a token names one that is not there, by
/// one at a time.
#[derive(Debug)]
pub(super) struct Keys {
    issuer: Arc<OidcIssuer>,
    fetcher: Fetcher,
    set: ArcSwapOption<KeySet>,
    state: Mutex<State>,
    /// Held by the one that fetches.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    /// How many fetches have ended.
    round: u64,
    under_way: bool,
    tried_at: Option<Timestamp>,
    failed: bool,
}

/// Why there are no newer keys.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeysError {
    #[error("the discovery document cannot be fetched")]
    Discovery(#[source] FetchError),
    #[error("the discovery document is not what it should be")]
    Document(#[source] serde_json::Error),
    #[error("the discovery document is of the issuer `{0}`")]
    Issuer(String),
    #[error("the keys may not be fetched from `{0}`")]
    Location(String),
    #[error("the keys cannot be fetched")]
    Fetch(#[source] FetchError),
    #[error("there is no key that verifies signatures")]
    Empty,
    #[error("the issuer took longer than {LIMIT:?}")]
    Slow,
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

/// Keys are fetched again after that time: a key that was withdrawn counts no longer.
const REFRESH_AFTER: Duration = Duration::from_mins(10);
/// While none can be fetched, those that are there count for so long.
const MAX_AGE: Duration = Duration::from_hours(24);
/// With keys there, a fetch begins so long after the last at the earliest.
const INTERVAL: Duration = Duration::from_secs(30);
/// Without, so long.
const FIRST_INTERVAL: Duration = Duration::from_secs(1);
/// What a fetch may take, in all.
const LIMIT: Duration = Duration::from_secs(5);

impl Keys {
    pub(super) fn new(issuer: Arc<OidcIssuer>, fetcher: Fetcher) -> Self {
        let (set, state, turn) = (ArcSwapOption::empty(), Mutex::default(), tokio::sync::Mutex::default());
        Self { issuer, fetcher, set, state, turn }
    }

    /// The keys that count now.
    pub(super) fn current(&self, now: Timestamp) -> Option<Arc<KeySet>> {
        self.set.load_full().filter(|set| now.saturating_since(set.fetched_at) < MAX_AGE)
    }

    /// Whether newer ones should be there by now, and may be fetched.
    pub(super) fn is_stale(&self, set: &KeySet, now: Timestamp) -> bool {
        now.saturating_since(set.fetched_at) >= REFRESH_AFTER && self.state().is_due(INTERVAL, now)
    }

    /// Whether waiting may bring others: a fetch may begin or is under way.
    pub(super) fn may_change(&self, now: Timestamp) -> bool {
        let state = self.state();
        state.under_way || state.is_due(self.interval(now), now)
    }

    /// Whether the last fetch failed, so that what is not there may yet be published.
    pub(super) fn failed(&self) -> bool {
        self.state().failed
    }

    /// Fetches newer keys, or waits for who does. It ends also if nobody waits for it any more, so that no caller can go away and
    /// leave the others to wait for the next turn.
    pub(super) async fn refresh(self: &Arc<Self>, clock: &Arc<dyn Clock>) {
        let seen = self.state().round;
        let (this, clock) = (Arc::clone(self), Arc::clone(clock));
        let fetch = tokio::spawn(async move {
            let _turn = this.turn.lock().await;
            let now = clock.now();
            let interval = this.interval(now);
            {
                let mut state = this.state();
                if state.round != seen || !state.is_due(interval, now) {
                    return;
                }
                (state.under_way, state.tried_at) = (true, Some(now));
            }
            let fetched = tokio::time::timeout(LIMIT, this.fetch(now)).await.unwrap_or(Err(KeysError::Slow));
            this.note(fetched);
        });
        // it neither panics nor is it cancelled while the runtime runs
        let _ = fetch.await;
    }

    fn note(&self, fetched: Result<KeySet, KeysError>) {
        let failed = match fetched {
            Ok(set) => {
                self.set.store(Some(Arc::new(set)));
                false
            }
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(issuer = self.issuer.issuer, error, "an issuer's keys cannot be fetched");
                true
            }
        };
        let mut state = self.state();
        state.round += 1;
        (state.under_way, state.failed) = (false, failed);
    }

    async fn fetch(&self, now: Timestamp) -> Result<KeySet, KeysError> {
        let location = match &self.issuer.jwks_uri {
            Some(location) => location.clone(),
            None => self.discover().await?,
        };
        if !self.issuer.may_fetch(&location) {
            return Err(KeysError::Location(location));
        }
        let text: Bytes = self.fetcher.get(&location).await.map_err(KeysError::Fetch)?;
        KeySet::parse(&text, now).ok_or(KeysError::Empty)
    }

    /// Where the issuer says that its keys are (OpenID Connect Discovery 1.0, section 4).
    async fn discover(&self) -> Result<String, KeysError> {
        let issuer = &self.issuer.issuer;
        let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let text = self.fetcher.get(&url).await.map_err(KeysError::Discovery)?;
        let document: Discovery = serde_json::from_slice(&text).map_err(KeysError::Document)?;
        if document.issuer != *issuer {
            return Err(KeysError::Issuer(document.issuer));
        }
        Ok(document.jwks_uri)
    }

    fn interval(&self, now: Timestamp) -> Duration {
        if self.current(now).is_some() { INTERVAL } else { FIRST_INTERVAL }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // what is written under the lock is whole at every point
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether the last try was that long ago.
    fn is_due(&self, interval: Duration, now: Timestamp) -> bool {
        // a try in the future was before the clock was set back
        self.tried_at.is_none_or(|at| at > now || now.saturating_since(at) >= interval)
    }
}
