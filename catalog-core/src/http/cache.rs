//! Answers that change rarely: made once, kept as bytes, told apart by their digest.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use axum::{body::Body, response::Response};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};
use moka::future::Cache;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::if_none_match::IfNoneMatch;

const X_CACHE: HeaderName = HeaderName::from_static("x-cache");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// One answer, ready to be sent.
#[derive(Clone, Debug)]
pub(super) struct Ready {
    body: Bytes,
    etag: HeaderValue,
}

impl Ready {
    pub(super) fn new(body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let digest = Sha256::digest(&body);
        let tag = URL_SAFE_NO_PAD.encode(digest);
        let etag = HeaderValue::try_from(format!("\"{tag}\"")).unwrap_or(HeaderValue::from_static("\"\""));
        Self { body, etag }
    }

    /// With a tag that says what the body was made of.
    pub(super) fn tagged(body: impl Into<Bytes>, etag: HeaderValue) -> Self {
        Self { body: body.into(), etag }
    }

    /// The length of the body, in bytes.
    pub(super) fn len(&self) -> usize {
        self.body.len()
    }

    /// The answer, which clients may keep and must ask about; `outcome` is whether it was kept here.
    pub(super) fn respond_with(&self, outcome: &'static str) -> Response {
        let mut response = json(self.body.clone());
        let headers = response.headers_mut();
        headers.insert(header::ETAG, self.etag.clone());
        headers.insert(X_CACHE, HeaderValue::from_static(if outcome == "hit" { "HIT" } else { "MISS" }));
        response
    }

    /// The answer, or 304 if the client has it.
    pub(super) fn respond(&self, known: &IfNoneMatch, control: &HeaderValue) -> Response {
        let fresh = known.has(&self.etag);
        let mut response = if fresh {
            status(StatusCode::NOT_MODIFIED)
        } else {
            let mut response = Response::new(Body::from(self.body.clone()));
            response.headers_mut().insert(header::CONTENT_TYPE, JSON);
            response
        };
        let headers = response.headers_mut();
        headers.insert(header::ETAG, self.etag.clone());
        headers.insert(header::CACHE_CONTROL, control.clone());
        response
    }
}

/// A JSON answer that clients may keep for `max_age`, with a tag of its content, or 304 if the client has it.
pub fn cached_json(body: impl Into<Bytes>, known: &IfNoneMatch, max_age: Duration) -> Response {
    Ready::new(body).respond(known, &private(max_age))
}

/// The object with one field more, if there is a value for it.
pub(super) fn with(mut object: Value, field: &str, value: Option<impl Into<Value>>) -> Value {
    if let (Value::Object(fields), Some(value)) = (&mut object, value) {
        fields.insert(field.into(), value.into());
    }
    object
}

/// A JSON answer that is not kept.
pub fn json(body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    // it depends on who asks, and changes
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    response
}

/// A JSON answer with the tag of a revision, or 304 if the client has it.
pub(super) fn tagged(body: impl Into<Body>, tag: &str, known: &IfNoneMatch) -> Response {
    let etag = HeaderValue::try_from(format!("\"{tag}\"")).ok();
    let fresh = etag.as_ref().is_some_and(|etag| known.has(etag));
    let mut response = if fresh { status(StatusCode::NOT_MODIFIED) } else { json(body) };
    if let Some(etag) = etag {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response
}

/// 304 for a client that has the answer of that tag.
pub(super) fn not_modified(etag: HeaderValue) -> Response {
    let mut response = status(StatusCode::NOT_MODIFIED);
    let headers = response.headers_mut();
    headers.insert(header::ETAG, etag);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(X_CACHE, HeaderValue::from_static("HIT"));
    response
}

/// Counts a look into a cache: `hit`, `miss` or `not_modified`.
pub(super) fn count_request(cache: &'static str, outcome: &'static str) {
    metrics::counter!("catalog_cache_requests_total", "cache" => cache, "outcome" => outcome).increment(1);
}

/// Counts what was made for a cache, and how long that took.
pub(super) fn count_load(cache: &'static str, took: Duration, succeeded: bool) {
    let outcome = if succeeded { "success" } else { "failure" };
    metrics::histogram!("catalog_cache_load_duration_seconds", "cache" => cache, "outcome" => outcome)
        .record(took.as_secs_f64());
}

/// Counts what a cache has let go of.
pub(super) fn count_eviction(cache: &'static str) {
    metrics::counter!("catalog_cache_evictions_total", "cache" => cache).increment(1);
}

fn status(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// Clients alone may keep the answer, for so long.
fn private(max_age: Duration) -> HeaderValue {
    let control = format!("private, max-age={}", max_age.as_secs());
    HeaderValue::try_from(control).unwrap_or(HeaderValue::from_static("private"))
}

/// Ready answers by what they were made of. One is made at a time for each key, whoever else asks for it meanwhile.
#[derive(Clone, Debug)]
pub(super) struct ReadyCache {
    name: &'static str,
    cache: Cache<String, (u64, Ready)>,
    control: HeaderValue,
}

impl ReadyCache {
    /// Answers live for `ttl`, at most 1,000 of them; `name` is what metrics call it.
    pub(super) fn new(name: &'static str, ttl: Duration) -> Self {
        let evicted = move |_, _, _| count_eviction(name);
        let cache = Cache::builder().max_capacity(1_000).time_to_live(ttl).eviction_listener(evicted).build();
        Self { name, cache, control: private(ttl) }
    }

    /// The answer for `key` as of `generation`, which `make` makes if it is not there.
    pub(super) async fn respond<F>(
        &self,
        key: &str,
        generation: u64,
        known: &IfNoneMatch,
        make: F,
    ) -> Response
    where
        F: Future<Output = Ready>,
    {
        let make = async {
            let begun = Instant::now();
            let ready = make.await;
            count_load(self.name, begun.elapsed(), true);
            ready
        };
        let is_old = |kept: &(u64, Ready)| kept.0 != generation;
        let make = async { (generation, make.await) };
        let entry = self.cache.entry_by_ref(key).or_insert_with_if(make, is_old).await;
        let (hit, outcome) = if entry.is_fresh() { ("MISS", "miss") } else { ("HIT", "hit") };
        count_request(self.name, outcome);
        let mut response = entry.into_value().1.respond(known, &self.control);
        response.headers_mut().insert(X_CACHE, HeaderValue::from_static(hit));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(tag: &str) -> IfNoneMatch {
        let headers = [(header::IF_NONE_MATCH, HeaderValue::from_str(tag).unwrap())];
        IfNoneMatch::of(&http::HeaderMap::from_iter(headers))
    }

    #[test]
    fn a_client_that_has_the_answer_gets_304_without_body() {
        let ready = Ready::new("{}");
        let etag = ready.respond(&IfNoneMatch::default(), &private(Duration::from_secs(30))).headers()
            [header::ETAG]
            .to_str()
            .unwrap()
            .to_owned();
        for tag in [etag.clone(), format!("W/{etag}"), format!("\"x\", {etag}"), "*".into()] {
            let response = ready.respond(&asking(&tag), &private(Duration::from_secs(30)));
            assert_eq!(response.status(), 304, "{tag}");
            assert_eq!(response.headers()[header::ETAG], etag);
            assert!(response.headers().get(header::CONTENT_TYPE).is_none());
        }
        let other = ready.respond(&asking("\"x\""), &private(Duration::from_secs(30)));
        assert_eq!(other.status(), 200);
        assert_eq!(other.headers()[header::CACHE_CONTROL], "private, max-age=30");
    }

    #[tokio::test]
    async fn an_answer_is_made_once_for_a_generation() {
        let cache = ReadyCache::new("test", Duration::from_secs(30));
        let none = IfNoneMatch::default();
        let first = cache.respond("a", 1, &none, async { Ready::new("1") }).await;
        let again = cache.respond("a", 1, &none, async { Ready::new("not made") }).await;
        let later = cache.respond("a", 2, &none, async { Ready::new("2") }).await;
        let seen =
            [&first, &again, &later].map(|response| response.headers()[X_CACHE].to_str().unwrap().to_owned());
        assert_eq!(seen, ["MISS", "HIT", "MISS"]);
        assert_eq!(first.headers()[header::ETAG], again.headers()[header::ETAG]);
        assert_ne!(first.headers()[header::ETAG], later.headers()[header::ETAG]);
    }
}
