use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use governor::{
    nanos::Nanos,
    state::{StateStore, keyed::ShrinkableKeyedStateStore},
};

use super::{
    Rate,
    key::{BuildDigested, Key},
};

/// What each key has used up, for at most so many keys.
///
/// A key that has made up for everything is forgotten, for it is as one that never came. Where there is no room for another key, new
/// ones share one budget until there is: so made-up keys cost no memory, and take nothing from keys that are known.
pub(super) struct States {
    shards: Vec<Mutex<Shard>>,
    /// Of one shard.
    capacity: usize,
    /// How long one request takes to be made up for.
    period: u64,
}

#[derive(Debug, Default)]
struct Shard {
    /// When each key will have made up for everything.
    used: HashMap<Key, u64, BuildDigested>,
    /// The same for all keys that there is no room for.
    others: u64,
    /// When those were looked for that can be forgotten.
    swept: u64,
}

const SHARDS: usize = 64;
/// Looking for those costs a walk over the shard.
const BETWEEN_SWEEPS: Duration = Duration::from_secs(1);

impl States {
    pub(super) fn new(rate: Rate, capacity: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            capacity: capacity.div_ceil(SHARDS),
            period: Nanos::from(rate.period()).as_u64(),
        }
    }

    fn each(&self, mut of: impl FnMut(&mut Shard)) {
        self.shards.iter().for_each(|shard| of(&mut shard.lock().unwrap_or_else(PoisonError::into_inner)));
    }
}

impl ShrinkableKeyedStateStore<Key> for States {
    fn retain_recent(&self, drop_below: Nanos) {
        self.each(|shard| shard.used.retain(|_, until| *until > drop_below.as_u64()));
    }

    fn shrink_to_fit(&self) {
        self.each(|shard| shard.used.shrink_to_fit());
    }

    fn len(&self) -> usize {
        let mut len = 0;
        self.each(|shard| len += shard.used.len());
        len
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl StateStore for States {
    type Key = Key;

    fn measure_and_replace<T, F, E>(&self, key: &Key, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let shard = usize::try_from(key.shard() % SHARDS as u64).unwrap_or(0);
        // there are as many as the remainder can be
        let Some(shard) = self.shards.get(shard) else { return decide(None).map(|(decision, _)| decision) };
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(used) = shard.used.get_mut(key) {
            let (decision, until) = decide(Some(Nanos::new(*used)))?;
            *used = until.as_u64();
            return Ok(decision);
        }
        let (decision, until) = decide(None)?;
        let until = until.as_u64();
        shard.sweep(until.saturating_sub(self.period));
        if shard.used.len() < self.capacity {
            shard.used.insert(*key, until);
            return Ok(decision);
        }
        let (decision, until) = decide(Some(Nanos::new(shard.others)))?;
        shard.others = until.as_u64();
        Ok(decision)
    }
}

impl Shard {
    fn sweep(&mut self, now: u64) {
        if now.saturating_sub(self.swept) >= Nanos::from(BETWEEN_SWEEPS).as_u64() {
            self.used.retain(|_, until| *until > now);
            self.swept = now;
        }
    }
}

impl fmt::Debug for States {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("States").field("capacity", &(self.capacity * SHARDS)).finish_non_exhaustive()
    }
}
