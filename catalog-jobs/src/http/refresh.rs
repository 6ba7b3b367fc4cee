//! Refreshes of sources that callers ask for: each is a job, and the answer says where it is.

use axum::{extract::FromRequestParts, response::Response};
use catalog_core::{
    context::RequestContext,
    http::{Context, Doc, Parameter, Query, Reply, Routes, Scope, Segment, store_problem},
    name::{PluginName, SourceId},
    page::PageSize,
    permission::{Permission, Reach, Resource, Verb},
    problem::Problem,
    schema::PluginDefinition,
    source::Source,
    store::{Attribution, SourceKey, SourceQuery, SourceStore},
    tenant::TenantScope,
};
use http::{HeaderMap, HeaderName, Method, StatusCode, request::Parts};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{Jobs, answer, body::NoBody};
use crate::{
    name::QueueName,
    new_job::{Enqueued, NewJob, idempotency_key_of},
    refresh::RefreshSource,
    store::{EnqueueStore, RecordStore},
};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// So many sources of one plugin are refreshed by one request.
const MOST: u64 = 1_000;

/// The routes that ask for refreshes: of one source, and of all that a plugin has in a tenant. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Refreshes<S, A> {
    jobs: Jobs<S>,
    sources: A,
    queue: QueueName,
    max_attempts: u32,
}

impl<S, A> Refreshes<S, A>
where
    S: EnqueueStore + RecordStore + Clone,
    A: SourceStore + Clone,
{
    /// Of the sources of that store, as `jobs` in that queue, each of which is attempted so often.
    pub fn new(jobs: Jobs<S>, sources: A, queue: QueueName, max_attempts: u32) -> Self {
        Self { jobs, sources, queue, max_attempts }
    }

    /// `POST {base}/sources/{id}:refresh` and `POST {base}/sources:refresh` of each plugin.
    pub fn routes<'p>(&self, plugins: impl IntoIterator<Item = &'p PluginDefinition>) -> Routes {
        plugins.into_iter().fold(Routes::new(), |routes, plugin| routes.merge(self.of_plugin(plugin)))
    }

    fn of_plugin(&self, plugin: &PluginDefinition) -> Routes {
        let name = &plugin.name;
        let may = || Permission::new(Verb::Create, Resource::Jobs, Reach::Tenant).of_plugin(name.to_string());
        let path = format!("{}/sources", plugin.base_path());
        let key = || {
            Parameter::header(
                "Idempotency-Key",
                "Within a day, the same key gives the same job: 1 to 255 characters.",
            )
        };
        let one = Doc::new(
            format!("refresh_{name}_source"),
            "Has a source be read anew. While a refresh of it waits or runs, the answer is that one.",
            Reply::accepted("JobStatus"),
        );
        let one = one.with_parameters([Parameter::path("id", "The source's id."), key()]);
        let all = Doc::new(
            format!("refresh_{name}_sources"),
            "Has all enabled sources of the plugin be read anew. Under an idempotency key a source has one job; one that is new since \
             has another.",
            Reply::accepted("JobStatusList"),
        );
        let all = all.with_parameters([key()]);
        let (refreshes, plugin) = (self.clone(), name.clone());
        let of_one = move |scope: Scope, context: Context, Segment(id): Segment, asked: Asked, _: NoBody| {
            refreshes.clone().one(plugin.clone(), scope, context, id, asked)
        };
        let (refreshes, plugin) = (self.clone(), name.clone());
        let of_all = move |scope: Scope, context: Context, asked: Asked, _: NoBody| {
            refreshes.clone().all(plugin.clone(), scope, context, asked)
        };
        Routes::new()
            .with(
                Method::POST,
                format!("{path}/{{id}}:refresh"),
                may(),
                one.tagged(name.as_str()).audited(),
                of_one,
            )
            .with(Method::POST, format!("{path}:refresh"), may(), all.tagged(name.as_str()).audited(), of_all)
    }

    async fn one(
        self,
        plugin: PluginName,
        Scope(scope): Scope,
        Context(context): Context,
        id: String,
        asked: Asked,
    ) -> Result<Response, Problem> {
        let nothing = || Problem::not_found("there is no such source");
        let key = SourceKey { plugin, id: SourceId::new(id).map_err(|_| nothing())? };
        let found = self.sources.find(&scope, &key).await.map_err(|error| store_problem(&error))?;
        let source = found.ok_or_else(nothing)?;
        if !source.spec.enabled {
            return Err(Problem::conflict("the source is disabled, and is not read"));
        }
        let mut job = self.job(&source, &context)?;
        if let Some(key) = asked.key {
            job = job.with_idempotency_key(key).map_err(|error| invalid_key(&error.to_string()))?;
        }
        let enqueued = self.enqueue(context, &[job]).await?;
        let enqueued = enqueued.first().copied().ok_or_else(|| Problem::internal("the server failed"))?;
        self.jobs.accepted(&source.namespace, enqueued)
    }

    async fn all(
        self,
        plugin: PluginName,
        Scope(scope): Scope,
        Context(context): Context,
        asked: Asked,
    ) -> Result<Response, Problem> {
        let namespace =
            scope.single().ok_or_else(|| Problem::tenant_required("the route is one tenant's"))?;
        let sources = self.enabled(&scope, &plugin).await?;
        let mut jobs =
            sources.iter().map(|source| self.job(source, &context)).collect::<Result<Vec<_>, _>>()?;
        if let Some(key) = asked.key {
            let key = idempotency_key_of(key).map_err(|error| invalid_key(&error.to_string()))?;
            let keyed = jobs.into_iter().map(|job| {
                let key = key_of_one(&key, &job);
                job.with_idempotency_key(key).map_err(|error| invalid_key(&error.to_string()))
            });
            jobs = keyed.collect::<Result<_, _>>()?;
        }
        let enqueued = self.enqueue(context, &jobs).await?;
        if enqueued.iter().any(|enqueued| matches!(enqueued, Enqueued::Mismatched(_))) {
            return Err(answer::mismatched());
        }
        let is_replayed =
            !enqueued.is_empty() && enqueued.iter().all(|enqueued| matches!(enqueued, Enqueued::Replayed(_)));
        let told = sources.iter().zip(enqueued).map(|(source, enqueued)| {
            json!({"jobId": enqueued.id(), "sourceId": source.spec.id, "status": "queued"})
        });
        let told: Vec<_> = told.collect();
        let mut response = answer::body(&json!({"items": told, "size": told.len()}));
        *response.status_mut() = StatusCode::ACCEPTED;
        let list = format!("{}?plugin={plugin}&namespace={namespace}", self.jobs.path());
        answer::located(&mut response, &list);
        if is_replayed {
            answer::replayed(&mut response);
        }
        Ok(response)
    }

    async fn enabled(&self, scope: &TenantScope, plugin: &PluginName) -> Result<Vec<Source>, Problem> {
        let size = PageSize::new(MOST).unwrap_or_default();
        let asked = SourceQuery { plugin: Some(plugin.clone()), after: None, size };
        let mut sources = self.sources.list(scope, &asked).await.map_err(|error| store_problem(&error))?;
        if sources.len() > size.get() {
            return Err(Problem::conflict(format!(
                "there are more than {MOST} sources: refresh them one by one"
            )));
        }
        sources.retain(|source| source.spec.enabled);
        Ok(sources)
    }

    fn job(&self, source: &Source, context: &RequestContext) -> Result<NewJob, Problem> {
        let job = RefreshSource::job(&source.namespace, &source.plugin, &source.spec.id)
            .and_then(|job| job.with_max_attempts(self.max_attempts));
        let job = job.map_err(|error| {
            let error: &dyn std::error::Error = &error;
            tracing::error!(error, "a refresh is no job");
            Problem::internal("the server failed")
        })?;
        let user = context.identity().map_or("", |identity| identity.user.as_str());
        Ok(job.in_queue(self.queue.clone()).requested_by(user))
    }

    async fn enqueue(&self, context: RequestContext, jobs: &[NewJob]) -> Result<Vec<Enqueued>, Problem> {
        let by = Attribution::Request(context);
        self.jobs.parts.store.enqueue_for(&by, jobs).await.map_err(|error| store_problem(&error))
    }
}

/// What a request says beside its path and its tenant.
struct Asked {
    key: Option<String>,
}

impl<S: Sync> FromRequestParts<S> for Asked {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Query::parse(parts.uri.query(), &[])?;
        Ok(Self { key: idempotency_key(&parts.headers)?.map(ToOwned::to_owned) })
    }
}

/// The key of one of several jobs that were asked for under that key: each has its own, and none is longer than it may be.
fn key_of_one(key: &str, job: &NewJob) -> String {
    let source = job.source.as_ref().map_or("", SourceId::as_str);
    let plugin = job.plugin.as_ref().map_or("", PluginName::as_str);
    let digest = Sha256::digest(format!("{key}\0{plugin}\0{source}"));
    digest.iter().fold(String::from("all:"), |text, byte| text + &format!("{byte:02x}"))
}

/// The request's key, if it has one.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut keys = headers.get_all(IDEMPOTENCY_KEY).iter();
    match (keys.next(), keys.next()) {
        (None, _) => Ok(None),
        (Some(key), None) => key.to_str().map(Some).map_err(|_| invalid_key("the key is no ASCII text")),
        _ => Err(invalid_key("there is more than one key")),
    }
}

fn invalid_key(detail: &str) -> Problem {
    Problem::invalid_parameter(detail.to_owned()).with_parameter("Idempotency-Key")
}
