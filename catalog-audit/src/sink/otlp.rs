use std::{io, time::Duration};

use async_trait::async_trait;
use catalog_core::clock::Timestamp;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::{
    Sink, SinkError,
    client::{Client, headers},
};

/// Posts events as log records of OpenTelemetry (OTLP over HTTP, JSON) to a collector.
#[derive(Debug)]
pub struct OtlpSink {
    client: Client,
    service: String,
    headers: HeaderMap,
}

const TIMEOUT: Duration = Duration::from_secs(10);
/// What takes logs there.
const PATH: &str = "/v1/logs";

impl OtlpSink {
    /// To the collector at that URL, `http://collector:4318`, in the name of that service.
    ///
    /// # Errors
    /// When the URL is none, or no certificate is trusted.
    pub fn new(endpoint: &str, service: impl Into<String>) -> io::Result<Self> {
        let client = Client::new(&format!("{}{PATH}", endpoint.trim_end_matches('/')), TIMEOUT)?;
        Ok(Self { client, service: service.into(), headers: HeaderMap::new() })
    }

    /// With a header more, which a collector may ask for.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, mut value: HeaderValue) -> Self {
        value.set_sensitive(true);
        self.headers.insert(name, value);
        self
    }
}

#[async_trait]
impl Sink for OtlpSink {
    async fn deliver(&self, events: &[Value]) -> Result<(), SinkError> {
        let records: Vec<Value> = events.iter().map(record).collect();
        let body = json!({"resourceLogs": [{
            "resource": {"attributes": [attribute("service.name", &self.service)]},
            "scopeLogs": [{"scope": {"name": "catalog-audit", "version": env!("CARGO_PKG_VERSION")}, "logRecords": records}],
        }]});
        let mut headers = headers("application/json");
        headers.extend(self.headers.clone());
        self.client.post(headers, body.to_string().into()).await
    }
}

/// The event as a log record: the whole of it as its body, and what is searched for as attributes.
fn record(event: &Value) -> Value {
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let nanos = text("/time").parse::<Timestamp>().map_or(0, |time| i128::from(time.unix_ms()) * 1_000_000);
    let (number, word) = if text("/outcome") == "success" { (9, "INFO") } else { (13, "WARN") };
    let attributes: Vec<Value> = [
        ("event.name", "catalog.audit"),
        ("catalog.audit.id", text("/id")),
        ("catalog.namespace", text("/namespace")),
        ("catalog.audit.action", text("/action")),
        ("catalog.audit.outcome", text("/outcome")),
        ("catalog.audit.resource_type", text("/resourceType")),
        ("enduser.id", text("/actor/user")),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
    .map(|(key, value)| attribute(key, value))
    .collect();
    json!({
        "timeUnixNano": nanos.to_string(),
        "severityNumber": number,
        "severityText": word,
        "body": {"stringValue": event.to_string()},
        "attributes": attributes,
    })
}

fn attribute(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}
