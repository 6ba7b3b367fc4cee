use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

/// One turn at a time for each key. Clones are one.
///
/// Work on a thread of its own goes on when nobody waits for it any more. While it holds its turn no second one begins, however
/// often it is tried.
#[derive(Debug)]
pub(super) struct Turns<K>(Arc<Mutex<HashMap<K, Arc<AsyncMutex<()>>>>>);

impl<K> Clone for Turns<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K> Default for Turns<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: Eq + Hash> Turns<K> {
    /// Waits for the turn, which lasts until the guard is dropped.
    pub(super) async fn take(&self, key: K) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            // who holds or awaits a turn has a clone of it
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            Arc::clone(turns.entry(key).or_default())
        };
        turn.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn one_key_has_one_turn_and_another_its_own() {
        let turns = Turns::default();
        let first = turns.take("a").await;
        assert!(turns.take("a").now_or_never().is_none());
        assert!(turns.clone().take("b").now_or_never().is_some());
        drop(first);
        assert!(turns.take("a").now_or_never().is_some());
        let _ = turns.take("c").await;
        assert!(turns.0.lock().unwrap().len() <= 2, "those that are over are forgotten");
    }
}
