use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

/// What holds for a request that changes something.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Guarantee {
    /// The change and its event are one transaction; what was refused or failed is written before it is answered. A process that is
    /// killed before it has changed anything leaves nothing.
    #[default]
    Atomic,
    /// Likewise, and before anything is done it is written that it will be: a request that is cut off is told as unknown.
    Intent,
    /// An event may be lost when the database does not answer or the process is killed; what is lost is counted. No request waits.
    BestEffort,
}

/// How requests are recorded.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AuditConfig {
    /// What holds for each change.
    pub guarantee: Guarantee,
    /// What holds instead for single routes, by path template.
    pub routes: BTreeMap<String, Guarantee>,
    /// Whether it is also recorded when somebody is not allowed to read. As far as the database keeps up: no read waits for it.
    pub denied_reads: bool,
    /// So many requests that may change something run at once at most, also those that nobody waits for any more. Others are answered
    /// 503 at once.
    pub running: usize,
}

impl Default for AuditConfig {
    /// [`Guarantee::Atomic`] for all, and denied reads are recorded; 10,000 run at once.
    fn default() -> Self {
        Self { guarantee: Guarantee::default(), routes: BTreeMap::new(), denied_reads: true, running: 10_000 }
    }
}

/// How much a writer takes at once.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct WriterConfig {
    /// So many batches are written at once; more than one is of no use on SQLite.
    pub writers: usize,
    /// So many records go into one batch at most.
    pub batch: usize,
    /// So many records wait at most.
    pub queue: usize,
    /// Of so many bytes together at most.
    pub bytes: usize,
    /// How long a record may take to be written before its request is told that it is not.
    pub timeout: Duration,
    /// How often the database is tried after it could not be reached; until it answers, what cannot be recorded is refused at once.
    pub pause: Duration,
}

impl Default for WriterConfig {
    /// One writer; 512 of 8,192 records, 16 MiB; 2 s; tried every 500 ms.
    fn default() -> Self {
        Self {
            writers: 1,
            batch: 512,
            queue: 8_192,
            bytes: 16 * 1024 * 1024,
            timeout: Duration::from_secs(2),
            pause: Duration::from_millis(500),
        }
    }
}
