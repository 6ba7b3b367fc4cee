use std::{fmt, io, sync::Arc, time::Duration};

use async_trait::async_trait;
use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::STANDARD};
use catalog_core::clock::{Clock, SystemClock};
use http::HeaderValue;
use serde_json::{Value, json};

use super::{
    Sink, SinkError,
    client::{Client, headers},
};

/// Posts events as a batch of `CloudEvents` (1.0, JSON), signed as Standard Webhooks have it: `webhook-signature` is `v1,` and the
/// base64 of an HMAC-SHA-256 over `webhook-id`, `webhook-timestamp` and the body, with dots between them. The id is that of the
/// batch's first event.
pub struct WebhookSink {
    client: Client,
    key: hmac::Key,
    source: String,
    clock: Arc<dyn Clock>,
}

/// A secret that is guessable, or a URL that is none.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookError {
    /// The secret is too short.
    #[error("the secret of a webhook has at least 24 bytes")]
    Secret,
    /// The URL is none that may be posted to, or no certificate is trusted.
    #[error("the webhook cannot be reached")]
    Url(#[source] io::Error),
}

const MIN_SECRET: usize = 24;
const TIMEOUT: Duration = Duration::from_secs(10);

impl WebhookSink {
    /// To that URL, signed with that secret; `source` says who sends it, and stands in each event.
    ///
    /// # Errors
    /// [`WebhookError`].
    pub fn new(url: &str, secret: &[u8], source: impl Into<String>) -> Result<Self, WebhookError> {
        if secret.len() < MIN_SECRET {
            return Err(WebhookError::Secret);
        }
        let client = Client::new(url, TIMEOUT).map_err(WebhookError::Url)?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        Ok(Self { client, key, source: source.into(), clock: Arc::new(SystemClock) })
    }

    /// With another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    fn signature(&self, id: &str, seconds: i64, body: &str) -> String {
        let tag = hmac::sign(&self.key, format!("{id}.{seconds}.{body}").as_bytes());
        format!("v1,{}", STANDARD.encode(tag.as_ref()))
    }
}

#[async_trait]
impl Sink for WebhookSink {
    async fn deliver(&self, events: &[Value]) -> Result<(), SinkError> {
        let cloud_event = |event: &Value| {
            json!({
                "specversion": "1.0",
                "id": event["id"],
                "source": self.source,
                "type": format!("catalog.audit.{}", event["eventType"].as_str().unwrap_or_default()),
                "time": event["time"],
                "datacontenttype": "application/json",
                "data": event,
            })
        };
        let body = Value::Array(events.iter().map(cloud_event).collect()).to_string();
        let id = events.first().and_then(|event| event["id"].as_str()).unwrap_or_default();
        let seconds = self.clock.now().unix_ms() / 1_000;
        let mut headers = headers("application/cloudevents-batch+json");
        for (name, value) in [
            ("webhook-id", id.to_owned()),
            ("webhook-timestamp", seconds.to_string()),
            ("webhook-signature", self.signature(id, seconds, &body)),
        ] {
            headers.insert(name, HeaderValue::try_from(value).map_err(SinkError::refused)?);
        }
        self.client.post(headers, body.into()).await
    }
}

impl fmt::Debug for WebhookSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookSink").field("source", &self.source).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_signed_as_others_verify_it() {
        let sink =
            WebhookSink::new("http://127.0.0.1:1/hook", b"secret-secret-secret-secret", "/catalog").unwrap();
        // openssl dgst -sha256 -hmac secret-secret-secret-secret -binary | base64
        assert_eq!(sink.signature("1", 2, "[]"), "v1,v2xTMzhOFnllT6+qKRl9WCVqIqweMClKyuYT/oiV5F8=");
        assert!(matches!(WebhookSink::new("http://h/", b"short", "x").unwrap_err(), WebhookError::Secret));
        assert!(matches!(WebhookSink::new("ftp://h/", &[0; 32], "x").unwrap_err(), WebhookError::Url(_)));
    }
}
