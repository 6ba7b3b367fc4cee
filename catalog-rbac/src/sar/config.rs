use std::{borrow::Cow, time::Duration};

use catalog_core::permission::API_GROUP;

/// How a cluster is asked, and for how long what it said is kept.
#[derive(Clone, Debug)]
pub struct SubjectAccessReviewConfig {
    /// The API group of the resources.
    pub api_group: Cow<'static, str>,
    /// So long a yes is kept at most, which is how long a revoked right may last; each one up to a tenth less, so that they do not
    /// all run out at once.
    pub allow_ttl: Duration,
    /// So long a no is kept at most; each one up to a tenth less.
    pub deny_ttl: Duration,
    /// So much memory the answers that are kept may take, in bytes.
    pub cache_bytes: u64,
    /// So long the cluster may take to answer.
    pub deadline: Duration,
    /// So many questions are put to the cluster at once; at least 1.
    pub concurrency: usize,
    /// So many more wait for their turn; others are an error at once.
    pub queue: usize,
    /// So long they wait at most.
    pub wait: Duration,
    /// After so many failures in a row the cluster is not asked for a while; at least 1.
    pub failures: u32,
    /// For how long it is not asked then; twice as long each time that it still fails after it. Where it says itself when to come back,
    /// at least until then, but for a minute at most.
    pub pause: Duration,
    /// For how long it is not asked at most.
    pub max_pause: Duration,
    /// In so many namespaces one list over all of them looks; with more it is an error.
    pub namespaces: usize,
    /// So many questions of one request are put at once; at least 1.
    pub at_once: usize,
}

impl Default for SubjectAccessReviewConfig {
    /// A yes for 10 s and a no for 5 s, in 16 MiB; 1 s for an answer; 32 questions at once, and 256 that wait for at most 500 ms; a
    /// pause of 1 s to 30 s after 5 failures; 1,000 namespaces, 16 at once.
    fn default() -> Self {
        Self {
            api_group: Cow::Borrowed(API_GROUP),
            allow_ttl: Duration::from_secs(10),
            deny_ttl: Duration::from_secs(5),
            cache_bytes: 16 << 20,
            deadline: Duration::from_secs(1),
            concurrency: 32,
            queue: 256,
            wait: Duration::from_millis(500),
            failures: 5,
            pause: Duration::from_secs(1),
            max_pause: Duration::from_secs(30),
            namespaces: 1_000,
            at_once: 16,
        }
    }
}
