use std::{collections::BTreeMap, num::NonZeroU32, time::Duration};

use catalog_core::name::Namespace;
use serde::{Deserialize, Serialize};

/// How requests share what there is a bounded number of, such as connections to a database.
#[derive(Clone, Debug)]
pub struct BulkheadConfig {
    /// So many requests at once, of all tenants.
    pub permits: usize,
    /// So many requests of one tenant wait for their turn; others are refused.
    pub queue: usize,
    /// So long they wait at most.
    pub wait: Duration,
    /// The weights of tenants that are not of weight 1.
    pub weights: BTreeMap<Namespace, Weight>,
}

impl Default for BulkheadConfig {
    /// 8 permits, 128 that wait for at most 2 s, and everybody of the same weight.
    fn default() -> Self {
        Self { permits: 8, queue: 128, wait: Duration::from_secs(2), weights: BTreeMap::new() }
    }
}

/// How much of what is there one tenant may have against another: 1 is usual, 3 is three times as much.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Weight(NonZeroU32);

impl Weight {
    /// That many times the usual.
    pub fn new(times: NonZeroU32) -> Self {
        Self(times)
    }

    pub(super) fn get(self) -> usize {
        usize::try_from(self.0.get()).unwrap_or(usize::MAX)
    }
}

impl Default for Weight {
    fn default() -> Self {
        Self(NonZeroU32::MIN)
    }
}
