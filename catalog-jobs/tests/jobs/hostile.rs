//! Payloads, results and errors that are made to hurt: each ends its own job, and every list with it can still be shown.

use std::{sync::Arc, time::Duration};

use axum::body::Body;
use catalog_core::{
    clock::SystemClock, context::RequestContext, page::PageTokens, store::hook::Unaudited, testing::scope,
};
use catalog_jobs::{
    Attempt, Job, JobError, JobState, MAX_PAYLOAD, NewJob, QueueName, Worker, WorkerConfig,
    http::Jobs,
    store::{JobStore, MemoryJobStore},
};
use http::Request;
use http_body_util::BodyExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tower::{ServiceExt, service_fn, util::MapRequestLayer};

use crate::sql::{postgres, sqlite};

/// What the handler takes: how it is to end.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Hurt {
    how: String,
}

impl Job for Hurt {
    const KIND: &'static str = "hurt";
}

fn deep(levels: usize) -> Value {
    (0..levels).fold(Value::Null, |inner, _| Value::from(vec![inner]))
}

/// Texts that are payloads, whoever put them there.
fn payloads() -> Vec<String> {
    let levels = 50_000;
    let huge = "x".repeat(MAX_PAYLOAD - r#"{"how":""}"#.len());
    vec![
        format!("{}{}", "[".repeat(levels), "]".repeat(levels)),
        format!("{}1{}", r#"{"how":"#.repeat(9_000), "}".repeat(9_000)),
        json!({ "how": huge }).to_string(),
        r#"{"how":"\u0000\ufeff\u202e"}"#.into(),
        r#"{"how":"\ud800"}"#.into(),
        r#"{"how":"x","how":"x"}"#.into(),
        r#"{"how":"x","__proto__":{}}"#.into(),
        r#"{"how":1e999}"#.into(),
        format!(r#"{{"how":{}}}"#, "9".repeat(100_000)),
        r#"{"how":"x""#.into(),
        "'; drop table catalog_jobs_live; --".into(),
        "\u{1}\u{7f}\u{10ffff}".into(),
        String::new(),
        "null".into(),
    ]
}

/// How a handler may end, and what its job is then.
const ENDS: [(&str, JobState); 8] = [
    ("deep", JobState::Failed),
    ("huge", JobState::Failed),
    ("keys", JobState::Failed),
    ("error", JobState::Failed),
    ("nul", JobState::Succeeded),
    ("nan", JobState::Succeeded),
    ("shallow", JobState::Succeeded),
    ("progress", JobState::Succeeded),
];

/// A result that serde may make.
#[derive(Serialize)]
#[serde(untagged)]
enum Given {
    Json(Value),
    Number(f64),
    Keys(std::collections::BTreeMap<(u8, u8), u8>),
}

async fn hurt(attempt: Attempt<Hurt>) -> Result<Given, JobError> {
    Ok(match attempt.job.how.as_str() {
        "deep" => Given::Json(deep(200)),
        "huge" => Given::Json("x".repeat(MAX_PAYLOAD).into()),
        "keys" => Given::Keys([((1, 2), 3)].into()),
        "error" => return Err(JobError::permanent("\0\u{1b}[31m\u{202e}".repeat(10_000))),
        "nul" => Given::Json("\0".into()),
        "nan" => Given::Number(f64::NAN),
        "progress" => {
            attempt.context.progress(u64::MAX, Some(0), Some(&"\0\n\u{202e}".repeat(10_000)));
            Given::Json(Value::Null)
        }
        _ => Given::Json(deep(100)),
    })
}

async fn nothing_is_hurt<S: JobStore + Clone>(store: S) {
    let job = |how: &str| NewJob::new("a".parse().unwrap(), &Hurt { how: how.into() }).unwrap();
    let mut expected = Vec::new();
    for payload in payloads() {
        let mut job = job("x");
        let is_readable = serde_json::from_str::<Hurt>(&payload).is_ok();
        job.payload = payload;
        expected.push((job, if is_readable { JobState::Succeeded } else { JobState::Failed }));
    }
    expected.extend(ENDS.map(|(how, state)| (job(how), state)));
    let jobs: Vec<NewJob> = expected.iter().map(|(job, _)| job.clone()).collect();
    store.enqueue(&jobs).await.unwrap();

    let worker = Worker::new(store.clone(), QueueName::default(), "one");
    let worker = worker.with_config(WorkerConfig::default()).unwrap();
    let worker = worker.with_handler::<Hurt, _>(service_fn(hurt)).unwrap();
    let leave = CancellationToken::new();
    let working = tokio::spawn(worker.run(leave.clone()));
    let (a, patience) = (scope("a").await, Instant::now() + Duration::from_mins(1));
    for (job, state) in &expected {
        let record = loop {
            let record = store.find(&a, job.id).await.unwrap().unwrap();
            if record.state.is_final() {
                break record;
            }
            assert!(Instant::now() < patience, "{record:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        let start: String = job.payload.chars().take(60).collect();
        assert_eq!((record.state, record.attempt_count), (*state, 1), "{start}: {:?}", record.last_error);
        assert!(record.last_error.is_none_or(|error| error.len() <= 4_096), "{start}");
    }
    leave.cancel();
    working.await.unwrap();

    let authorized = MapRequestLayer::new(move |request: axum::extract::Request| {
        let (mut parts, body) = request.into_parts();
        let _ = RequestContext::of(&mut parts).set_scope(a.clone());
        axum::extract::Request::from_parts(parts, body)
    });
    let tokens = PageTokens::new(["k".repeat(32)]).unwrap();
    let router = Jobs::new(store, "hurt".parse().unwrap(), tokens).routes().into_router(&authorized).unwrap();
    let request = Request::get("/api/jobs/v1alpha1/hurt?pageSize=100").body(Body::empty()).unwrap();
    let response = router.oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200);
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    let list: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(list["size"], expected.len());
}

#[tokio::test]
async fn nothing_is_hurt_in_memory() {
    nothing_is_hurt(MemoryJobStore::new(Unaudited)).await;
}

#[tokio::test]
async fn nothing_is_hurt_on_sqlite() {
    let fixture = sqlite("hostile").await;
    nothing_is_hurt(fixture.store.clone().with_clock(Arc::new(SystemClock))).await;
}

#[tokio::test]
#[ignore = "needs CATALOG_TEST_POSTGRES_URL"]
async fn nothing_is_hurt_on_postgres() {
    let fixture = postgres("hostile").await;
    nothing_is_hurt(fixture.store.clone().with_clock(Arc::new(SystemClock))).await;
}
