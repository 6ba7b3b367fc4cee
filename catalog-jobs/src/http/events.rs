use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::response::{
    IntoResponse, Response,
    sse::{Event, Sse},
};
use catalog_core::{
    http::{Query, Scope, Segment},
    problem::Problem,
    tenant::TenantScope,
};
use futures_util::stream;
use http::Uri;
use tokio::{sync::OwnedSemaphorePermit, time::Instant};

use super::Jobs;
use crate::{record::JobRecord, store::RecordStore};

/// How often a job is looked at.
const EVERY: Duration = Duration::from_millis(500);
/// A stream ends before long and its client comes again, with whatever rights it has then: so one that was withdrawn works no longer.
const LIFE: Duration = Duration::from_secs(10);
/// When the client is to come again.
const AGAIN: Duration = Duration::from_millis(500);

/// The job at once, and each time that it has changed, until it is over.
pub(super) async fn follow<S: RecordStore>(
    jobs: Jobs<S>,
    Scope(scope): Scope,
    Segment(id): Segment,
    uri: Uri,
) -> Result<Response, Problem> {
    Query::parse(uri.query(), &[])?;
    let first = jobs.find(&scope, &id).await?;
    let permit = Arc::clone(&jobs.parts.streams).try_acquire_owned();
    let permit = permit
        .map_err(|_| Problem::unavailable("too many clients follow jobs at once").with_retry_after(5))?;
    let following = Following {
        jobs,
        scope,
        id,
        told: None,
        next: Some(first),
        until: Instant::now() + LIFE,
        _permit: permit,
    };
    Ok(Sse::new(stream::unfold(Some(following), next)).into_response())
}

struct Following<S> {
    jobs: Jobs<S>,
    scope: TenantScope,
    id: String,
    told: Option<JobRecord>,
    next: Option<JobRecord>,
    until: Instant,
    _permit: OwnedSemaphorePermit,
}

async fn next<S: RecordStore>(
    following: Option<Following<S>>,
) -> Option<(Result<Event, Infallible>, Option<Following<S>>)> {
    let mut following = following?;
    loop {
        if let Some(record) = following.next.take().filter(|record| following.told.as_ref() != Some(record)) {
            let over = record.state.is_final();
            let name = if over { "finished" } else { "changed" };
            // names, texts and times always serialize
            let data = serde_json::to_string(&record).unwrap_or_default();
            let event = Event::default().event(name).retry(AGAIN).data(data);
            following.told = Some(record);
            return Some((Ok(event), Some(following).filter(|_| !over)));
        }
        if Instant::now() >= following.until {
            return None;
        }
        tokio::time::sleep(EVERY).await;
        // a job that is gone, or a database that does not answer, ends the stream; the client asks again and is told
        following.next = Some(following.jobs.find(&following.scope, &following.id).await.ok()?);
    }
}
