//! Verdicts on tokens, kept for a while.

mod generations;
mod key;

use std::{fmt, sync::Arc, time::Duration};

use catalog_core::{clock::Timestamp, identity::Identity};

use self::{generations::Generations, key::TokenKeys};
use super::{Outcome, Refusal};

/// Stands for a whole token within this process.
pub(super) type TokenKey = [u8; 16];

/// Verdicts on tokens: whom the good ones name, and, in a place of its own so that garbage drives out none of those, why others
/// are refused.
pub(super) struct VerdictCache {
    keys: TokenKeys,
    known: Generations<Arc<Identity>>,
    refused: Generations<Refusal>,
    longest: Duration,
}

/// So many tokens are known at most.
const MAX_KNOWN: usize = 16_384;
/// So many refusals are kept at most.
const MAX_REFUSED: usize = 1_024;
/// A refusal is kept for so long at most: what was mended counts at once.
const REFUSED_FOR: Duration = Duration::from_secs(1);

impl VerdictCache {
    /// Keeps who is known for `longest` at most.
    pub(super) fn new(longest: Duration) -> Self {
        Self {
            keys: TokenKeys::new(),
            known: Generations::new(MAX_KNOWN, longest),
            refused: Generations::new(MAX_REFUSED, REFUSED_FOR),
            longest,
        }
    }

    /// The key under which verdicts on a token are kept; `None` where none can be.
    pub(super) fn key(&self, token: &str) -> Option<TokenKey> {
        self.keys.of(token)
    }

    /// What was found out before.
    pub(super) fn find(&self, key: TokenKey, now: Timestamp) -> Option<Outcome> {
        let refused = || self.refused.get(key, now).map(Outcome::Refused);
        self.known.get(key, now).map(Outcome::Known).or_else(refused)
    }

    /// Keeps a verdict, that on a good token until `expiry` at most; no credential is no verdict.
    pub(super) fn note(&self, key: TokenKey, outcome: &Outcome, now: Timestamp, expiry: Option<Timestamp>) {
        match outcome {
            Outcome::Absent => {}
            Outcome::Known(identity) => {
                let longest = now.saturating_add(self.longest);
                let until = expiry.map_or(longest, |expiry| expiry.min(longest));
                self.known.insert(key, Arc::clone(identity), until);
            }
            Outcome::Refused(refusal) => {
                self.refused.insert(key, refusal.clone(), now.saturating_add(REFUSED_FOR));
            }
        }
    }

    /// Forgets all.
    pub(super) fn clear(&self) {
        self.known.clear();
        self.refused.clear();
    }
}

impl fmt::Debug for VerdictCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerdictCache").field("known", &self.known.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use catalog_core::identity;

    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_ms(seconds * 1_000).unwrap()
    }

    fn known(user: &str) -> Outcome {
        Outcome::Known(Arc::new(Identity::new(user, identity::Authenticator::Oidc)))
    }

    fn user(outcome: Option<Outcome>) -> Option<String> {
        match outcome? {
            Outcome::Known(identity) => Some(identity.user.clone()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_verdict_is_kept_until_the_token_expires_or_the_time_is_over() {
        let cache = VerdictCache::new(MINUTE);
        let (long, short) = (cache.key("long").unwrap(), cache.key("short").unwrap());
        cache.note(long, &known("jane"), at(100), Some(at(1_000)));
        cache.note(short, &known("joe"), at(100), Some(at(110)));
        assert_eq!(user(cache.find(long, at(159))).as_deref(), Some("jane"));
        assert_eq!(user(cache.find(short, at(109))).as_deref(), Some("joe"));
        assert!(cache.find(long, at(160)).is_none() && cache.find(short, at(110)).is_none());
        assert!(cache.find(cache.key("lonG").unwrap(), at(100)).is_none());
        assert!(cache.find(long, at(50)).is_none(), "the clock was set back");
        cache.clear();
        assert!(cache.find(long, at(101)).is_none());
    }

    #[test]
    fn a_refusal_is_kept_for_a_second() {
        let cache = VerdictCache::new(MINUTE);
        let key = cache.key("bad").unwrap();
        cache.note(key, &Outcome::Refused(Refusal::invalid("so")), at(100), None);
        assert!(matches!(cache.find(key, at(100)), Some(Outcome::Refused(_))));
        assert!(cache.find(key, at(101)).is_none());
        cache.note(key, &Outcome::Absent, at(101), None);
        assert!(cache.find(key, at(101)).is_none());
    }

    #[test]
    fn a_million_bad_tokens_drive_out_no_good_one_and_take_no_more_room() {
        let cache = VerdictCache::new(MINUTE);
        let good: Vec<TokenKey> =
            (0..1_000).map(|number| cache.key(&format!("good-{number}")).unwrap()).collect();
        for key in &good {
            cache.note(*key, &known("jane"), at(100), None);
        }
        let refused = Outcome::Refused(Refusal::invalid("so"));
        for number in 0..1_000_000 {
            cache.note(cache.key(&format!("bad-{number}")).unwrap(), &refused, at(100), None);
        }
        assert!(cache.refused.len() <= MAX_REFUSED, "{}", cache.refused.len());
        assert!(good.iter().all(|key| user(cache.find(*key, at(101))).is_some()));
        for number in 0..100_000 {
            cache.note(cache.key(&format!("many-{number}")).unwrap(), &known("joe"), at(100), None);
        }
        assert!(cache.known.len() <= MAX_KNOWN, "{}", cache.known.len());
    }
}
