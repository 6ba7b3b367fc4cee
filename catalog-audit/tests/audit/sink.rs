//! Sinks: every event at least once, in order, and nothing left out.

use std::{
    convert::Infallible,
    fs,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use bytes::Bytes;
use catalog_audit::{
    seal::Sealer,
    sink::{Exporter, FileSink, FileSinkConfig, OtlpSink, Sink, SinkError, WebhookSink},
    store::{AuditStore, MemoryAuditStore, OutboxStore, SealStore},
    testing::noon,
};
use catalog_core::{
    clock::ManualClock,
    store::{StoreErrorKind, hook::Unfenced},
};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{
    fixture::{Fixture, over_every_store},
    seal::{key, put},
};

/// Takes what it is given, but fails and refuses as it is told.
#[derive(Clone, Debug, Default)]
struct Receiver(Arc<Mutex<Told>>);

#[derive(Debug, Default)]
struct Told {
    taken: Vec<u64>,
    failures: usize,
    refused: Option<u64>,
}

fn second(event: &Value) -> u64 {
    event["newValue"]["second"].as_u64().unwrap()
}

#[async_trait]
impl Sink for Receiver {
    async fn deliver(&self, events: &[Value]) -> Result<(), SinkError> {
        let mut told = self.0.lock().unwrap();
        if told.failures > 0 {
            told.failures -= 1;
            return Err(SinkError::unavailable("as told"));
        }
        if events.iter().any(|event| Some(second(event)) == told.refused) {
            return Err(SinkError::refused("as told"));
        }
        told.taken.extend(events.iter().map(second));
        Ok(())
    }
}

async fn every_event_is_sent_and_none_left_out<S>(fixture: &Fixture<S>)
where
    S: AuditStore + SealStore + OutboxStore + Clone,
{
    let (store, receiver) = (&fixture.store, Receiver::default());
    let clock = Arc::new(ManualClock::new(noon()));
    let exporter =
        Exporter::new("test", store.clone(), receiver.clone()).with_batch(4).with_clock(clock.clone());
    exporter.register().await.unwrap();
    put(store, "a", 0..6).await;
    assert_eq!(exporter.step().await.unwrap(), 0, "nothing is sealed yet");
    put(store, "b", 6..10).await;
    Sealer::new(store.clone(), key()).seal(&Unfenced).await.unwrap();
    clock.advance(std::time::Duration::from_mins(1));
    assert_eq!(exporter.lag().await.unwrap().age.as_secs(), 60);
    receiver.0.lock().unwrap().failures = 1;
    exporter.step().await.unwrap_err();
    receiver.0.lock().unwrap().refused = Some(6);
    assert_eq!(exporter.step().await.unwrap(), 4);
    assert_eq!(exporter.step().await.unwrap(), 2, "up to the one that is refused");
    assert_eq!(exporter.step().await.unwrap(), 0, "it is parked");
    let parked = exporter.lag().await.unwrap();
    assert!(parked.parked.unwrap().contains("as told") && parked.age.as_secs() == 54);
    exporter.resume().await.unwrap();
    assert_eq!(exporter.step().await.unwrap(), 0, "it is refused again");
    exporter.skip().await.unwrap();
    assert_eq!(exporter.skip().await.unwrap_err().kind(), StoreErrorKind::Conflict);
    while exporter.step().await.unwrap() > 0 {}
    assert_eq!(receiver.0.lock().unwrap().taken, [0, 1, 2, 3, 4, 5, 7, 8, 9]);
    assert_eq!(exporter.lag().await.unwrap(), catalog_audit::sink::Lag::default());
}

over_every_store! {
    every_event_is_sent_and_none_left_out
}

type Requests = Arc<Mutex<Vec<(String, HeaderMap, Value)>>>;

/// A server that answers with those statuses, one after another, and then with 200.
async fn server(mut statuses: Vec<u16>) -> (String, Requests) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let requests = Requests::default();
    statuses.reverse();
    let (statuses, seen) = (Arc::new(Mutex::new(statuses)), Arc::clone(&requests));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (statuses, seen) = (Arc::clone(&statuses), Arc::clone(&seen));
            let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                let (statuses, seen) = (Arc::clone(&statuses), Arc::clone(&seen));
                async move {
                    let (parts, body) = request.into_parts();
                    let body = body.collect().await.unwrap().to_bytes();
                    let told = serde_json::from_slice(&body).unwrap();
                    seen.lock().unwrap().push((parts.uri.to_string(), parts.headers, told));
                    let mut response = Response::new(Full::new(Bytes::from("x".repeat(100_000))));
                    let status = statuses.lock().unwrap().pop().unwrap_or(200);
                    *response.status_mut() = StatusCode::from_u16(status).unwrap();
                    Ok::<_, Infallible>(response)
                }
            });
            tokio::spawn(
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    (url, requests)
}

async fn events() -> Vec<Value> {
    let store = MemoryAuditStore::new();
    put(&store, "a", 0..3).await;
    Sealer::new(store.clone(), key()).seal(&Unfenced).await.unwrap();
    let outbox = store.outbox_any_tenant(0, 10).await.unwrap();
    outbox.into_iter().map(|(_, stored)| catalog_audit::event::shown(stored).unwrap()).collect()
}

#[tokio::test]
async fn a_webhook_gets_signed_cloud_events() {
    let (url, requests) = server(vec![503, 429, 422]).await;
    let secret = b"secret-secret-secret-secret";
    let clock = Arc::new(ManualClock::new(noon()));
    let sink = WebhookSink::new(&format!("{url}/hook"), secret, "/catalog").unwrap().with_clock(clock);
    let events = events().await;
    assert!(!sink.deliver(&events).await.unwrap_err().is_refused());
    assert!(!sink.deliver(&events).await.unwrap_err().is_refused());
    assert!(sink.deliver(&events).await.unwrap_err().is_refused());
    sink.deliver(&events).await.unwrap();
    let nobody = WebhookSink::new("http://127.0.0.1:1/", secret, "/catalog").unwrap();
    assert!(!nobody.deliver(&events).await.unwrap_err().is_refused());
    let requests = requests.lock().unwrap();
    let (path, headers, body) = requests.last().unwrap();
    assert_eq!((path.as_str(), requests.len()), ("/hook", 4));
    assert_eq!(headers["content-type"], "application/cloudevents-batch+json");
    assert_eq!(headers["webhook-id"].to_str().unwrap(), events[0]["id"].as_str().unwrap());
    assert_eq!(headers["webhook-timestamp"], "1772366400");
    assert!(headers["webhook-signature"].to_str().unwrap().starts_with("v1,"));
    assert_eq!(body[2]["data"], events[2]);
    assert_eq!((&body[1]["specversion"], &body[1]["id"]), (&json!("1.0"), &events[1]["id"]));
    assert_eq!((&body[0]["type"], &body[0]["source"]), (&json!("catalog.audit.request"), &json!("/catalog")));
}

#[tokio::test]
async fn a_collector_gets_log_records() {
    let (url, requests) = server(Vec::new()).await;
    let sink = OtlpSink::new(&format!("{url}/"), "catalog").unwrap();
    let sink = sink.with_header(http::header::AUTHORIZATION, "Bearer x".parse().unwrap());
    let events = events().await;
    sink.deliver(&events).await.unwrap();
    let requests = requests.lock().unwrap();
    let (path, headers, body) = &requests[0];
    assert_eq!(
        (path.as_str(), &headers["authorization"]),
        ("/v1/logs", &http::HeaderValue::from_static("Bearer x"))
    );
    let records = body["resourceLogs"][0]["scopeLogs"][0]["logRecords"].as_array().unwrap();
    assert_eq!((records.len(), &records[0]["timeUnixNano"]), (3, &json!("1772366400000000000")));
    let told: Value = serde_json::from_str(records[2]["body"]["stringValue"].as_str().unwrap()).unwrap();
    assert_eq!(told, events[2]);
    assert!(records[1]["attributes"].to_string().contains("user-1"));
}

#[tokio::test]
async fn a_file_is_rotated_and_mended() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.ndjson");
    let events = events().await;
    let line = events[0].to_string().len() as u64 + 1;
    let config = FileSinkConfig { path: path.clone(), bytes: 2 * line + 10, files: 2 };
    // somebody died over a line
    fs::write(&path, "{\"id").unwrap();
    let sink = FileSink::new(config.clone());
    sink.deliver(&events[..1]).await.unwrap();
    for _ in 0..3 {
        sink.deliver(&events[1..]).await.unwrap();
    }
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    let two = format!("{}\n{}\n", events[1], events[2]);
    assert_eq!(
        [read("audit.ndjson"), read("audit.ndjson.1"), read("audit.ndjson.2")],
        [two.clone(), two.clone(), two.clone()]
    );
    assert!(!folder.path().join("audit.ndjson.3").exists());
    let again = FileSink::new(FileSinkConfig { files: 0, ..config });
    again.deliver(&events[..1]).await.unwrap();
    assert_eq!(read("audit.ndjson"), format!("{}\n", events[0]));
    let nowhere = FileSink::new(FileSinkConfig { path: folder.path().join("no/where"), bytes: 1, files: 1 });
    assert!(!nowhere.deliver(&events).await.unwrap_err().is_refused());
}
