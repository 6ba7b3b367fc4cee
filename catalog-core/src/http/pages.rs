//! Answers of lists, kept for as long as what they list does not change.

use std::{future::Future, sync::Arc, time::Instant};

use axum::response::Response;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::HeaderValue;
use moka::future::Cache;
use sha2::{Digest, Sha256};

use super::{
    assets::store_problem,
    cache::{self, Ready},
    generations::Generations,
    if_none_match::IfNoneMatch,
};
use crate::{
    name::PluginName,
    problem::Problem,
    store::{AssetStore, StoreError},
    tenant::TenantScope,
};

/// Ready answers of lists. The key of each holds the tenant, all that was asked with, and the generation of what is listed; so an
/// answer is another tenant's or an old one's never, and what has become old is not looked for again and makes room in time.
#[derive(Clone, Debug)]
pub(super) struct Pages {
    /// None where nothing is to be kept.
    kept: Option<Cache<Arc<str>, Ready>>,
    generations: Generations,
}

/// What an entry weighs besides its key and body, in bytes.
const OVERHEAD: usize = 256;
/// The name by which metrics tell it from other caches.
const NAME: &str = "pages";

impl Pages {
    /// Answers of `max_bytes` in all; of 0 none are kept.
    pub(super) fn new(max_bytes: u64, generations: Generations) -> Self {
        let weigh = |key: &Arc<str>, ready: &Ready| {
            u32::try_from(key.len() + ready.len() + OVERHEAD).unwrap_or(u32::MAX)
        };
        let kept = (max_bytes > 0).then(|| {
            let evicted = |_, _, _| cache::count_eviction(NAME);
            Cache::builder().max_capacity(max_bytes).weigher(weigh).eviction_listener(evicted).build()
        });
        Self { kept, generations }
    }

    /// The answer to what `binding` describes, which `make` makes if it is not kept; or 304 if the client has it.
    pub(super) async fn respond<A, F>(
        &self,
        assets: &A,
        scope: &TenantScope,
        plugin: &PluginName,
        binding: &[&str],
        known: &IfNoneMatch,
        make: F,
    ) -> Result<Response, Problem>
    where
        A: AssetStore,
        F: Future<Output = Result<String, StoreError>>,
    {
        let problem = |error: Arc<StoreError>| store_problem(&error);
        let make = async {
            let begun = Instant::now();
            let body = make.await;
            cache::count_load(NAME, begun.elapsed(), body.is_ok());
            body
        };
        let generation = match &self.kept {
            Some(_) => self.generations.current(assets, scope, plugin).await.map_err(problem)?,
            None => None,
        };
        // the lists of several tenants have no generation, for they change with each of them
        let (Some(kept), Some(generation)) = (&self.kept, generation) else {
            return Ok(cache::json(make.await.map_err(|error| store_problem(&error))?));
        };
        let key = key(binding, generation);
        let etag = etag(&key);
        if known.has(&etag) {
            cache::count_request(NAME, "not_modified");
            return Ok(cache::not_modified(etag));
        }
        let ready = async { make.await.map(|body| Ready::tagged(body, etag)) };
        let entry = kept.entry(key).or_try_insert_with(ready).await.map_err(problem)?;
        let outcome = if entry.is_fresh() { "miss" } else { "hit" };
        cache::count_request(NAME, outcome);
        Ok(entry.into_value().respond_with(outcome))
    }
}

/// The parts with their lengths, so that no two lists of parts read alike.
fn key(binding: &[&str], generation: i64) -> Arc<str> {
    let mut key = generation.to_string();
    for part in binding {
        key.push(' ');
        key.push_str(&part.len().to_string());
        key.push(':');
        key.push_str(part);
    }
    key.into()
}

/// The answer's tag, which says all that the answer depends on, and is known before the answer is made.
fn etag(key: &str) -> HeaderValue {
    let tag = URL_SAFE_NO_PAD.encode(Sha256::digest(key));
    HeaderValue::try_from(format!("\"{tag}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_lists_share_a_key() {
        let keys = [
            key(&["one:a", "mcp"], 1),
            key(&["one:a", "mcp"], 2),
            key(&["one:b", "mcp"], 1),
            key(&["one:am", "cp"], 1),
            key(&["one:a", "mcp", ""], 1),
            key(&["one:a 3:mcp"], 1),
        ];
        for (index, key) in keys.iter().enumerate() {
            assert!(!keys[..index].contains(key), "{key}");
            assert_ne!(etag(key), etag("other"));
        }
    }
}
