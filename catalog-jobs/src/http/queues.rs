//! Queues on axum: what waits in them, and whether they are paused; the same of a tenant's jobs in all of them.

use std::{fmt, sync::Arc};

use axum::response::Response;
use catalog_core::{
    context::RequestContext,
    http::{Context, Doc, Parameter, Query, Reply, Routes, Scope, Segment, store_problem},
    name::Namespace,
    permission::{Permission, Reach, Resource, Verb},
    problem::Problem,
    store::Attribution,
    tenant::TenantScope,
};
use http::{Method, Uri};
use serde_json::{Value, json};

use super::{answer, body::NoBody};
use crate::{gate::Gate, name::QueueName, store::UpkeepStore};

const QUEUES: &str = "/api/jobs/v1alpha1/queues";
const TENANT: &str = "/api/jobs/v1alpha1/tenant";

/// The routes that show queues, and pause and resume them. Cheap to clone.
#[derive(Clone)]
pub struct Queues<S> {
    store: S,
    queues: Arc<[QueueName]>,
}

impl<S: UpkeepStore + Clone> Queues<S> {
    /// Of those queues, in that store.
    pub fn new(store: S, queues: impl IntoIterator<Item = QueueName>) -> Self {
        Self { store, queues: queues.into_iter().collect() }
    }

    /// `GET` of the list and `POST` of a queue's `:pause` and `:resume`, for whoever may in the whole cluster; `GET` of whether a
    /// tenant's jobs are paused and `POST` of its `:pause` and `:resume`, for whoever may in the tenant.
    pub fn routes(&self) -> Routes {
        let may = |verb, reach| Permission::new(verb, Resource::Jobs, reach);
        let list = Doc::new(
            "list_job_queues",
            "The queues with what waits and runs in them, and the tenants whose jobs are paused.",
            Reply::json("QueueList"),
        );
        let get =
            Doc::new("get_tenant_jobs", "Whether a tenant's jobs are paused.", Reply::json("PauseStatus"));
        let routes = Routes::new()
            .get(QUEUES, may(Verb::List, Reach::Cluster), list.tagged("jobs"), {
                let queues = self.clone();
                move |uri: Uri| {
                    let queues = queues.clone();
                    async move { queues.list(&uri).await }
                }
            })
            .get(TENANT, may(Verb::Get, Reach::Tenant), get.tagged("jobs"), {
                let queues = self.clone();
                move |Scope(scope): Scope, uri: Uri| {
                    let queues = queues.clone();
                    async move { queues.show(&scope, &uri).await }
                }
            });
        [true, false].into_iter().fold(routes, |routes, paused| routes.merge(self.switches(paused)))
    }

    /// The routes that pause, or those that resume.
    fn switches(&self, paused: bool) -> Routes {
        let (verb, of_queue, of_tenant) = if paused {
            (
                "pause",
                "Lets no further job of a queue begin. What runs goes on.",
                "The same for a tenant's jobs.",
            )
        } else {
            ("resume", "Lets the jobs of a queue begin again.", "The same for a tenant's jobs.")
        };
        let may = |reach| Permission::new(Verb::Update, Resource::Jobs, reach);
        let queue = Doc::new(format!("{verb}_job_queue"), of_queue, Reply::json("PauseStatus"))
            .with_parameters([Parameter::path("queue", "The queue's name.")]);
        let tenant = Doc::new(format!("{verb}_tenant_jobs"), of_tenant, Reply::json("PauseStatus"));
        Routes::new()
            .with(
                Method::POST,
                format!("{QUEUES}/{{queue}}:{verb}"),
                may(Reach::Cluster),
                queue.tagged("jobs").audited(),
                {
                    let queues = self.clone();
                    move |Context(context): Context, Segment(name): Segment, uri: Uri, _: NoBody| {
                        let queues = queues.clone();
                        async move { queues.switch_queue(context, &name, &uri, paused).await }
                    }
                },
            )
            .with(
                Method::POST,
                format!("{TENANT}:{verb}"),
                may(Reach::Tenant),
                tenant.tagged("jobs").audited(),
                {
                    let queues = self.clone();
                    move |Scope(scope): Scope, Context(context): Context, uri: Uri, _: NoBody| {
                        let queues = queues.clone();
                        async move { queues.switch_tenant(&scope, context, &uri, paused).await }
                    }
                },
            )
    }

    async fn list(&self, uri: &Uri) -> Result<Response, Problem> {
        Query::parse(uri.query(), &[])?;
        let paused = self.paused().await?;
        let mut items = Vec::with_capacity(self.queues.len());
        for queue in &*self.queues {
            let depth = self.store.depth_any_tenant(queue).await.map_err(|error| store_problem(&error))?;
            items.push(json!({
                "queue": queue,
                "paused": paused.contains(&Gate::Queue(queue.clone())),
                "ready": depth.ready,
                "scheduled": depth.scheduled,
                "running": depth.running,
                "oldestSeconds": depth.oldest.as_secs(),
            }));
        }
        let of_tenant = |gate: &Gate| match gate {
            Gate::Tenant(namespace) => Some(namespace.clone()),
            Gate::Queue(_) => None,
        };
        let tenants: Vec<Namespace> = paused.iter().filter_map(of_tenant).collect();
        Ok(answer::body(&json!({"items": items, "size": items.len(), "pausedNamespaces": tenants})))
    }

    async fn show(&self, scope: &TenantScope, uri: &Uri) -> Result<Response, Problem> {
        Query::parse(uri.query(), &[])?;
        let gate = tenant(scope)?;
        let paused = self.paused().await?.contains(&gate);
        Ok(status(&gate, paused))
    }

    async fn switch_queue(
        &self,
        context: RequestContext,
        name: &str,
        uri: &Uri,
        paused: bool,
    ) -> Result<Response, Problem> {
        Query::parse(uri.query(), &[])?;
        let found = self.queues.iter().find(|queue| queue.as_str() == name);
        let found = found.ok_or_else(|| Problem::not_found("there is no such queue"))?;
        self.switch(context, &Gate::Queue(found.clone()), paused).await
    }

    async fn switch_tenant(
        &self,
        scope: &TenantScope,
        context: RequestContext,
        uri: &Uri,
        paused: bool,
    ) -> Result<Response, Problem> {
        Query::parse(uri.query(), &[])?;
        self.switch(context, &tenant(scope)?, paused).await
    }

    async fn switch(&self, context: RequestContext, gate: &Gate, paused: bool) -> Result<Response, Problem> {
        let done = self.store.set_paused(&Attribution::Request(context), gate, paused).await;
        done.map_err(|error| store_problem(&error))?;
        Ok(status(gate, paused))
    }

    async fn paused(&self) -> Result<Vec<Gate>, Problem> {
        self.store.paused().await.map_err(|error| store_problem(&error))
    }
}

impl<S> fmt::Debug for Queues<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Queues").field(&self.queues).finish()
    }
}

/// The gate of the scope's tenant.
fn tenant(scope: &TenantScope) -> Result<Gate, Problem> {
    let namespace = scope.single().ok_or_else(|| Problem::tenant_required("the route is one tenant's"))?;
    Ok(Gate::Tenant(namespace.clone()))
}

fn status(gate: &Gate, paused: bool) -> Response {
    let body: Value = match gate {
        Gate::Queue(queue) => json!({"queue": queue, "paused": paused}),
        Gate::Tenant(namespace) => json!({"namespace": namespace, "paused": paused}),
    };
    answer::body(&body)
}
