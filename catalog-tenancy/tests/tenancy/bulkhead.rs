//! The layer that leaves room for other tenants.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use catalog_core::{context::RequestContext, problem::Problem, tenant::TenantSelector};
use catalog_tenancy::bulkhead::{BulkheadConfig, Busy, IsolateTenantLayer, Permits};
use http::{Request, Response};
use http_body_util::Full;
use tower::{Layer, ServiceExt, service_fn};

fn permits(permits: usize, queue: usize) -> Permits {
    let config = BulkheadConfig { permits, queue, wait: Duration::from_secs(2), ..BulkheadConfig::default() };
    Permits::many(config)
}

/// A request of the tenant that takes so long.
async fn ask(permits: &Permits, tenant: &str, takes: Duration) -> Response<Full<Bytes>> {
    let inner = service_fn(move |_: Request<()>| async move {
        tokio::time::sleep(takes).await;
        Ok::<_, Infallible>(Response::new(Full::default()))
    });
    let (mut parts, ()) = Request::get("/").body(()).unwrap().into_parts();
    RequestContext::of(&mut parts).set_tenant(TenantSelector::One(tenant.parse().unwrap())).unwrap();
    IsolateTenantLayer::new(permits).layer(inner).oneshot(Request::from_parts(parts, ())).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_slow_tenant_does_not_keep_others_waiting() {
    let permits = permits(6, 100);
    let slow: Vec<_> = (0..50)
        .map(|_| {
            let permits = permits.clone();
            tokio::spawn(async move { ask(&permits, "slow", Duration::from_secs(1)).await.status().as_u16() })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(permits.load(), (4, 46));
    let begun = tokio::time::Instant::now();
    for _ in 0..20 {
        assert_eq!(ask(&permits, "quick", Duration::from_millis(1)).await.status(), 200);
    }
    assert_eq!(begun.elapsed(), Duration::from_millis(20), "not a moment more than they take");
    let mut statuses = Vec::new();
    for slow in slow {
        statuses.push(slow.await.unwrap());
    }
    // four at a time, for as long as one may wait
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 8);
    assert_eq!(permits.load().0, 0);
}

#[tokio::test(start_paused = true)]
async fn who_waits_in_vain_is_told_so() {
    let permits = permits(1, 1);
    let held = permits.acquire(Some(&"a".parse().unwrap())).await.unwrap();
    let waiting = tokio::spawn({
        let permits = permits.clone();
        async move { ask(&permits, "a", Duration::ZERO).await }
    });
    tokio::task::yield_now().await;
    for (answer, busy) in
        [(ask(&permits, "a", Duration::ZERO).await, Busy::QueueFull), (waiting.await.unwrap(), Busy::TooLate)]
    {
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["retry-after"]),
            (503, &http::HeaderValue::from(1))
        );
        assert_eq!(answer.extensions().get::<Busy>(), Some(&busy));
        let problem = answer.extensions().get::<Problem>().unwrap();
        assert_eq!(
            (problem.code.as_ref(), problem.namespace.as_ref().unwrap().as_str()),
            ("tenant_busy", "a")
        );
    }
    drop(held);
    assert_eq!(ask(&permits, "a", Duration::ZERO).await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_gives_back_what_it_had() {
    let permits = permits(1, 5);
    for _ in 0..10 {
        let asked = ask(&permits, "a", Duration::from_hours(1));
        assert!(tokio::time::timeout(Duration::from_millis(5), asked).await.is_err());
        assert_eq!(permits.load().0, 0);
    }
    // also while it waits
    let held = permits.acquire(None).await.unwrap();
    for _ in 0..10 {
        let asked = ask(&permits, "a", Duration::ZERO);
        assert!(tokio::time::timeout(Duration::from_millis(5), asked).await.is_err());
    }
    drop(held);
    assert_eq!(ask(&permits, "a", Duration::ZERO).await.status(), 200);
}
