//! Jobs on axum: listed, shown, followed, canceled, tried again; and queues, paused and resumed.

mod answer;
mod body;
mod events;
mod list;
mod queues;
mod refresh;
mod shape;

use std::{fmt, sync::Arc, time::Duration};

use axum::response::Response;
use catalog_core::{
    http::{Context, Doc, Parameter, Query, Reply, Routes, Scope, Segment, Shape, store_problem},
    page::PageTokens,
    permission::{Permission, Reach, Resource, Verb},
    problem::Problem,
    store::Attribution,
    tenant::TenantScope,
};
use http::{Method, StatusCode, Uri};
use tokio::sync::Semaphore;
use uuid::Uuid;

use self::body::NoBody;
pub use self::{queues::Queues, refresh::Refreshes};
use crate::{
    name::JobKind,
    record::{Cancel, JobRecord, Retried},
    store::RecordStore,
};

/// The routes of one kind of jobs. Cheap to clone.
pub struct Jobs<S> {
    parts: Arc<Parts<S>>,
}

struct Parts<S> {
    store: S,
    kind: JobKind,
    tokens: PageTokens,
    grace: Duration,
    streams: Arc<Semaphore>,
}

/// So many clients may follow jobs at once.
const STREAMS: usize = 1_000;
/// How long the handler of a job that is to be canceled has to end by itself.
const GRACE: Duration = Duration::from_secs(30);

impl<S: RecordStore> Jobs<S> {
    /// Of jobs of that kind, in that store.
    pub fn new(store: S, kind: JobKind, tokens: PageTokens) -> Self {
        let streams = Arc::new(Semaphore::new(STREAMS));
        Self { parts: Arc::new(Parts { store, kind, tokens, grace: GRACE, streams }) }
    }

    /// Where they are: `/api/jobs/v1alpha1/refresh`.
    pub fn path(&self) -> String {
        format!("/api/jobs/v1alpha1/{}", self.parts.kind)
    }

    /// `GET` of the list, of one job and of its events; `POST` of its `:cancel` and `:retry`.
    pub fn routes(&self) -> Routes {
        let may = |verb| Permission::new(verb, Resource::Jobs, Reach::Tenant);
        let may_list = Permission::new(Verb::List, Resource::Jobs, Reach::TenantOrAll);
        let path = self.path();
        let of = |end: &str| format!("{path}/{{id}}{end}");
        let name = |verb: &str| format!("{verb}_{}_job", self.parts.kind);
        let id = || [Parameter::path("id", "The job's id.")];
        let list = Doc::new(
            name("list"),
            "Lists a tenant's jobs, or with a cluster-wide permission those of all, newest first.",
            Reply::json("JobList"),
        );
        let get = Doc::new(name("get"), "One job and how it does.", Reply::json("Job"));
        let events =
            Reply::text("text/event-stream", "The job each time that it has changed, as server-sent events.");
        let events = Doc::new(
            name("follow"),
            "Follows a job: the last event is `finished`. Before that the stream ends after some seconds and is to be opened anew, as \
             event sources do by themselves; it begins again with the job as it is, so that there is no `Last-Event-ID`.",
            events,
        );
        let answer = || Reply::json("JobStatus");
        let canceling = Shape::named("JobStatus");
        let cancel =
            answer().or(StatusCode::ACCEPTED, "It runs, and its handler is told to give up.", canceling);
        let cancel = Doc::new(
            name("cancel"),
            "Cancels a job. To ask again changes nothing more: it needs no `Idempotency-Key`, and looks at none.",
            cancel,
        )
        .audited();
        let retry =
            Doc::new(
            name("retry"),
            "Has a job that failed or was canceled be tried again. While it waits or runs, to ask again changes nothing and is 409: it \
             needs no `Idempotency-Key`, and looks at none.",
            answer(),
        )
        .audited();
        let routes = Routes::new()
            .get(path.clone(), may_list, list.tagged("jobs").with_parameters(list::parameters()), {
                let jobs = self.clone();
                move |scope: Scope, uri: Uri| list::list(jobs.clone(), scope, uri)
            })
            .get(of(""), may(Verb::Get), get.tagged("jobs").with_parameters(id()), {
                let jobs = self.clone();
                move |Scope(scope): Scope, Segment(id): Segment, uri: Uri| {
                    let jobs = jobs.clone();
                    async move {
                        Query::parse(uri.query(), &[])?;
                        Ok::<_, Problem>(answer::record(&jobs.find(&scope, &id).await?))
                    }
                }
            })
            .get(of("/events"), may(Verb::Get), events.tagged("jobs").with_parameters(id()), {
                let jobs = self.clone();
                move |scope: Scope, id: Segment, uri: Uri| events::follow(jobs.clone(), scope, id, uri)
            });
        routes
            .with(
                Method::POST,
                of(":cancel"),
                may(Verb::Update),
                cancel.tagged("jobs").with_parameters(id()),
                {
                    let jobs = self.clone();
                    move |scope: Scope, context: Context, id: Segment, uri: Uri, _: NoBody| {
                        cancel_job(jobs.clone(), scope, context, id, uri)
                    }
                },
            )
            .with(
                Method::POST,
                of(":retry"),
                may(Verb::Update),
                retry.tagged("jobs").with_parameters(id()),
                {
                    let jobs = self.clone();
                    move |scope: Scope, context: Context, id: Segment, uri: Uri, _: NoBody| {
                        retry_job(jobs.clone(), scope, context, id, uri)
                    }
                },
            )
    }

    /// The shapes that the OpenAPI document of the routes refers to, by name.
    pub fn shapes() -> Vec<(String, Shape)> {
        shape::shapes()
    }

    /// The job of that id, which is of this kind and within the scope.
    async fn find(&self, scope: &TenantScope, id: &str) -> Result<JobRecord, Problem> {
        let nothing = || Problem::not_found("there is no such job");
        let id: Uuid = id.parse().map_err(|_| nothing())?;
        let found = self.parts.store.find(scope, id).await.map_err(|error| store_problem(&error))?;
        found.filter(|record| record.kind == self.parts.kind).ok_or_else(nothing)
    }
}

impl<S> Clone for Jobs<S> {
    fn clone(&self) -> Self {
        Self { parts: Arc::clone(&self.parts) }
    }
}

impl<S> fmt::Debug for Jobs<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Jobs({})", self.parts.kind)
    }
}

async fn cancel_job<S: RecordStore>(
    jobs: Jobs<S>,
    Scope(scope): Scope,
    Context(context): Context,
    Segment(id): Segment,
    uri: Uri,
) -> Result<Response, Problem> {
    Query::parse(uri.query(), &[])?;
    let id = jobs.find(&scope, &id).await?.id;
    let canceled =
        jobs.parts.store.cancel(&scope, &Attribution::Request(context), id, jobs.parts.grace).await;
    match canceled.map_err(|error| store_problem(&error))? {
        None => Err(Problem::not_found("there is no such job")),
        Some(Cancel::Canceled) => Ok(answer::status(StatusCode::OK, id, "canceled")),
        Some(Cancel::Requested) => Ok(answer::status(StatusCode::ACCEPTED, id, "running")),
        Some(Cancel::Finished(state)) => {
            Err(Problem::job_finished(format!("the job is over: it is {}", state.as_str())))
        }
    }
}

async fn retry_job<S: RecordStore>(
    jobs: Jobs<S>,
    Scope(scope): Scope,
    Context(context): Context,
    Segment(id): Segment,
    uri: Uri,
) -> Result<Response, Problem> {
    Query::parse(uri.query(), &[])?;
    let id = jobs.find(&scope, &id).await?.id;
    let retried = jobs.parts.store.retry(&scope, &Attribution::Request(context), id).await;
    match retried.map_err(|error| store_problem(&error))? {
        None => Err(Problem::not_found("there is no such job")),
        Some(Retried::Queued) => Ok(answer::status(StatusCode::OK, id, "queued")),
        Some(Retried::Live) => Err(Problem::conflict("the job waits or runs already")),
        Some(Retried::Succeeded) => Err(Problem::job_finished("the job is over: it is succeeded")),
        Some(Retried::Conflict(other)) => {
            Err(Problem::conflict(format!("the job `{other}` does the same, and waits or runs")))
        }
    }
}
