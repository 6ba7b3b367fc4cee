//! The layer that lets nobody into a tenant that is not there, or not active.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use catalog_core::{
    context::RequestContext,
    directory::{DirectoryError, NamespaceDirectory, NamespaceRecord, Phase},
    name::Namespace,
    problem::Problem,
    tenant::{TenantScope, TenantSelector},
};
use catalog_tenancy::{admit::AdmitTenantLayer, directory::CachedDirectory};
use http::{Request, Response};
use http_body_util::Full;
use tower::{Layer, ServiceExt, service_fn};

/// Says of each tenant what its name says, slowly, and counts how often it was asked.
#[derive(Debug, Default)]
struct Spoken(Arc<AtomicUsize>);

#[async_trait]
impl NamespaceDirectory for Spoken {
    async fn find(&self, name: &Namespace) -> Result<Option<Arc<NamespaceRecord>>, DirectoryError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(10)).await;
        let phase = match name.as_str() {
            "active" => Phase::Active,
            "suspended" => Phase::Suspended,
            "terminating" => Phase::Terminating,
            "broken" => return Err(DirectoryError::new("no answer")),
            _ => return Ok(None),
        };
        Ok(Some(Arc::new(NamespaceRecord { phase, ..NamespaceRecord::new(name.clone()) })))
    }

    async fn list(
        &self,
        _: &TenantScope,
        _: Option<&Namespace>,
        _: usize,
    ) -> Result<Vec<Arc<NamespaceRecord>>, DirectoryError> {
        Ok(Vec::new())
    }
}

/// The status, and the code of a refusal.
async fn ask(layer: &AdmitTenantLayer, tenant: Option<TenantSelector>) -> (u16, String) {
    let inner =
        service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())) });
    let (mut parts, ()) = Request::get("/").body(()).unwrap().into_parts();
    let context = RequestContext::of(&mut parts);
    if let Some(tenant) = tenant {
        context.set_tenant(tenant).unwrap();
    }
    let response = layer.layer(inner).oneshot(Request::from_parts(parts, ())).await.unwrap();
    let code =
        response.extensions().get::<Problem>().map_or(String::new(), |problem| problem.code.to_string());
    (response.status().as_u16(), code)
}

#[tokio::test(start_paused = true)]
async fn each_phase_has_its_answer_whether_it_is_known_or_asked_for() {
    let asked = Arc::new(AtomicUsize::new(0));
    let directory = CachedDirectory::new(Spoken(Arc::clone(&asked)), Duration::from_hours(1));
    let layer = AdmitTenantLayer::new(Arc::new(directory));
    for round in 0..2 {
        for (name, status, code) in [
            ("active", 200, ""),
            ("suspended", 403, "namespace_suspended"),
            ("terminating", 403, "namespace_terminating"),
            ("unknown", 404, "namespace_not_found"),
            ("broken", 503, "directory_unavailable"),
        ] {
            let tenant = Some(TenantSelector::One(name.parse().unwrap()));
            assert_eq!(ask(&layer, tenant).await, (status, code.into()), "{name} {round}");
        }
    }
    assert_eq!(asked.load(Ordering::Relaxed), 6, "what was said is kept, and what could not be said is not");
    assert_eq!(ask(&layer, None).await.0, 200, "a route of nobody");
    assert_eq!(ask(&layer, Some(TenantSelector::All)).await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn a_crowd_asks_the_directory_once() {
    let asked = Arc::new(AtomicUsize::new(0));
    let directory = CachedDirectory::new(Spoken(Arc::clone(&asked)), Duration::from_hours(1));
    let layer = AdmitTenantLayer::new(Arc::new(directory));
    let active = || Some(TenantSelector::One("active".parse().unwrap()));
    let crowd = futures_util::future::join_all((0..100).map(|_| ask(&layer, active())));
    assert!(crowd.await.iter().all(|(status, _)| *status == 200));
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}
