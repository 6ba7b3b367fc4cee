use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::FutureExt;
use moka::{Expiry, future::Cache};
use tokio::time::Instant;

use super::{
    answer::{Answer, Verdict},
    error::AskError,
    question::Question,
};

/// Answers that are kept for a while, by the whole question. Of those who ask the same at once one asks the cluster. What is no
/// answer is not kept.
#[derive(Debug)]
pub(super) struct Answers {
    kept: Cache<Key, Kept>,
    /// Grows when everything is to be forgotten, so that a question that was put before is neither kept nor waited for.
    epoch: AtomicU64,
    allow_ttl: Duration,
    deny_ttl: Duration,
    /// Of no use but to be another for each answer.
    count: AtomicU64,
    random: RandomState,
}

#[derive(Clone, Debug, Eq, PartialEq, Hash)]
struct Key {
    epoch: u64,
    question: Question,
}

#[derive(Clone, Debug)]
struct Kept {
    answer: Answer,
    until: Instant,
}

/// A question of more bytes is not kept: few are so large, and strangers can make many of them.
const MAX_SIZE: usize = 10_000;
/// What an answer takes besides its texts, about.
const OVERHEAD: usize = 512;

/// The cache's own clock cannot be stopped by a test, so it only frees what is over; whether it is says `until`.
struct Until;

impl Until {
    #[expect(clippy::unnecessary_wraps, reason = "as the cache wants it")]
    fn rest(kept: &Kept) -> Option<Duration> {
        Some(kept.until - Instant::now())
    }
}

impl Expiry<Key, Kept> for Until {
    fn expire_after_create(&self, _: &Key, kept: &Kept, _: std::time::Instant) -> Option<Duration> {
        Self::rest(kept)
    }

    fn expire_after_update(
        &self,
        _: &Key,
        kept: &Kept,
        _: std::time::Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Self::rest(kept)
    }
}

impl Answers {
    pub(super) fn new(bytes: u64, allow_ttl: Duration, deny_ttl: Duration) -> Self {
        let weigh = |key: &Key, kept: &Kept| {
            u32::try_from(key.question.size() + kept.answer.reason.len() + OVERHEAD).unwrap_or(u32::MAX)
        };
        let kept = Cache::builder().max_capacity(bytes).weigher(weigh).expire_after(Until).build();
        let (epoch, count) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { kept, epoch, allow_ttl, deny_ttl, count, random: RandomState::new() }
    }

    /// Forgets everything: the next to ask asks the cluster.
    pub(super) fn flush(&self) {
        self.epoch.fetch_add(1, Ordering::SeqCst);
        self.kept.invalidate_all();
    }

    /// The answer that is kept, if one is.
    pub(super) fn known(&self, question: Question) -> Option<Answer> {
        // reading waits for nothing
        let kept = self.kept.get(&self.key(question)).now_or_never().flatten()?;
        (Instant::now() < kept.until).then_some(kept.answer)
    }

    /// The answer that is kept, or else the one that `ask` gets.
    pub(super) async fn get(
        &self,
        question: Question,
        ask: impl AsyncFnOnce(&Question) -> Result<Answer, AskError>,
    ) -> Result<Answer, Arc<AskError>>
where {
        if question.size() > MAX_SIZE {
            return ask(&question).await.map_err(Arc::new);
        }
        let key = self.key(question);
        if let Some(kept) = self.kept.get(&key).await {
            if Instant::now() < kept.until {
                return Ok(kept.answer);
            }
            // over by our clock and not yet by the cache's
            self.kept.invalidate(&key).await;
        }
        let load = self.load(&key.question, ask);
        self.kept.try_get_with_by_ref(&key, load).await.map(|kept| kept.answer)
    }

    /// What is kept counts from when it was asked for: the answer may be as old.
    async fn load(
        &self,
        question: &Question,
        ask: impl AsyncFnOnce(&Question) -> Result<Answer, AskError>,
    ) -> Result<Kept, AskError> {
        let since = Instant::now();
        let answer = ask(question).await?;
        let ttl = match answer.verdict {
            Verdict::Allowed => self.allow_ttl,
            Verdict::Denied | Verdict::NotAllowed => self.deny_ttl,
        };
        // a time beyond all times is none
        Ok(Kept { answer, until: since.checked_add(self.jittered(ttl)).unwrap_or(since) })
    }

    fn key(&self, question: Question) -> Key {
        Key { epoch: self.epoch.load(Ordering::SeqCst), question }
    }

    /// Up to a tenth less.
    fn jittered(&self, ttl: Duration) -> Duration {
        // 16 bits of chance
        let chance = self.random.hash_one(self.count.fetch_add(1, Ordering::Relaxed)) >> 48;
        let chance = u32::try_from(chance).unwrap_or_default();
        ttl.saturating_sub((ttl / 10).saturating_mul(chance) / 65_536)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_kept_for_up_to_a_tenth_less() {
        let second = Duration::from_secs(1);
        let answers = Answers::new(0, second, second);
        let ttls: Vec<Duration> = (0..1_000).map(|_| answers.jittered(second)).collect();
        assert!(ttls.iter().all(|ttl| (second * 9 / 10..=second).contains(ttl)));
        let (shortest, longest) = (ttls.iter().min().unwrap(), ttls.iter().max().unwrap());
        assert!(*longest > *shortest + second / 20, "{shortest:?} to {longest:?}");
    }
}
