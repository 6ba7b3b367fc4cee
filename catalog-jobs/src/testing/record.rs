use std::time::Duration;

use catalog_core::{
    clock::{ManualClock, Timestamp},
    page::PageSize,
    store::{StoreErrorKind, hook::Purge},
    tenant::TenantScope,
    testing::{TEST, scope},
};

use super::{DONE, LEASE, claim, say, settle};
use crate::{
    allot::Rotation,
    claim::{ClaimRequest, Outcome},
    gate::Gate,
    name::QueueName,
    new_job::Due,
    record::{JobQuery, JobState},
    retention::Retention,
    store::JobStore,
};

/// Lists show a scope's jobs, newest first, page by page, narrowed by each filter.
pub async fn jobs_are_listed_within_a_scope<S: JobStore>(store: &S, _: &ManualClock) {
    let mut jobs: Vec<_> = (0..5).map(|number| say("a", &number.to_string())).collect();
    jobs[1] = jobs[1].clone().for_plugin("mcp".parse().unwrap()).for_source("acme".parse().unwrap());
    jobs[2] = jobs[2].clone().requested_by("ada").with_priority(9);
    jobs.push(say("b", "x"));
    store.enqueue(&jobs).await.unwrap();
    let a = scope("a").await;
    let ids = async |query: &JobQuery| -> Vec<usize> {
        let listed = store.list(&a, query).await.unwrap();
        let place = |id| jobs.iter().position(|job| job.id == id).unwrap();
        listed.into_iter().map(|record| place(record.id)).collect()
    };
    let size = PageSize::new(2).unwrap();
    let page = JobQuery { size, ..JobQuery::default() };
    assert_eq!(ids(&page).await, [4, 3, 2], "one more than asked for");
    assert_eq!(ids(&JobQuery { before: Some(jobs[3].id), ..page.clone() }).await, [2, 1, 0]);
    assert_eq!(ids(&JobQuery { before: Some(jobs[1].id), ..page.clone() }).await, [0]);
    let claimed = claim(store, 1).await.remove(0);
    assert_eq!(claimed.claim.id, jobs[2].id);
    for (query, expected) in [
        (JobQuery { plugin: Some("mcp".parse().unwrap()), ..page.clone() }, vec![1]),
        (JobQuery { source: Some("acme".parse().unwrap()), ..page.clone() }, vec![1]),
        (JobQuery { source: Some("other".parse().unwrap()), ..page.clone() }, vec![]),
        (JobQuery { kind: Some("other".parse().unwrap()), ..page.clone() }, vec![]),
        (JobQuery { requested_by: Some("ada".into()), ..page.clone() }, vec![2]),
        (JobQuery { state: Some(JobState::Running), ..page.clone() }, vec![2]),
        (JobQuery { state: Some(JobState::Queued), ..page.clone() }, vec![4, 3, 1]),
        (JobQuery { state: Some(JobState::Succeeded), ..page.clone() }, vec![]),
    ] {
        assert_eq!(ids(&query).await, expected, "{query:?}");
    }
    settle(store, &claimed.claim, DONE).await;
    assert_eq!(ids(&JobQuery { state: Some(JobState::Succeeded), ..page.clone() }).await, [2]);
    assert_eq!(ids(&JobQuery { state: Some(JobState::Running), ..page.clone() }).await, [0; 0]);
    assert_eq!(store.list(&scope("*").await, &JobQuery::default()).await.unwrap().len(), 6);
    let two = scope("b").await.union(&scope("c").await);
    assert_eq!(store.list(&two, &JobQuery::default()).await.unwrap().len(), 1);
    let none = catalog_core::tenant::TenantScope::none();
    assert!(store.list(&none, &JobQuery::default()).await.unwrap().is_empty());
    assert!(store.find(&scope("b").await, jobs[0].id).await.unwrap().is_none());
    assert_eq!(store.find(&a, jobs[0].id).await.unwrap().unwrap().id, jobs[0].id);
}

/// A queue tells how many jobs wait, and for how long: what is put off, or tried again, from when it is due.
pub async fn a_queue_tells_how_long_jobs_wait<S: JobStore>(store: &S, clock: &ManualClock) {
    let secs = Duration::from_secs;
    let depth = async || {
        let depth = store.depth_any_tenant(&QueueName::default()).await.unwrap();
        (depth.ready, depth.scheduled, depth.running, depth.oldest.as_secs())
    };
    assert_eq!(depth().await, (0, 0, 0, 0));
    let (first, later) = (say("a", "1").with_priority(9), say("b", "2").due(Due::After(secs(20))));
    store.enqueue(&[first, later]).await.unwrap();
    clock.advance(secs(10));
    let past = Due::At(Timestamp::from_unix_ms(1).unwrap());
    store.enqueue(&[say("a", "3"), say("a", "4").due(past)]).await.unwrap();
    assert_eq!(depth().await, (3, 1, 0, 10));
    let request = ClaimRequest::new(QueueName::default(), "test", 1, LEASE);
    let mut claimed = store.claim_any_tenant(&request, &mut Rotation::default()).await.unwrap().claimed;
    assert_eq!(depth().await, (2, 1, 1, 0), "what was to be done long ago waits since it is here");
    let retry = Outcome::Retry { error: "no".into(), after: secs(5), refund: false };
    assert!(settle(store, &claimed.remove(0).claim, retry).await);
    clock.advance(secs(7));
    assert_eq!(depth().await, (3, 1, 0, 7), "though nobody has looked");
    clock.advance(secs(4));
    let claims = claim(store, 9).await;
    assert_eq!(depth().await, (0, 0, 4, 0));
    clock.advance(LEASE);
    store.reap_any_tenant(9).await.unwrap();
    clock.advance(secs(3));
    assert_eq!((claims.len(), depth().await), (4, (4, 0, 0, 3)));
}

/// All that a tenant has goes, a few at a time, and nothing of another's; what is live has its record until it is gone.
pub async fn a_tenant_is_purged<S: JobStore + Purge>(store: &S, _: &ManualClock) {
    let of = |tenant: &str| (0..3).map(|_| say(tenant, "x")).collect::<Vec<_>>();
    let finished = of("a");
    store.enqueue(&[finished, of("b")].concat()).await.unwrap();
    for claimed in claim(store, 9).await {
        settle(store, &claimed.claim, DONE).await;
    }
    // the records of what is live are between those that are not
    store.enqueue(&[of("a"), of("a"), of("b")].concat()).await.unwrap();
    assert_eq!(claim(store, 1).await.len(), 1);
    let gates = ["a", "b"].map(|tenant| Gate::Tenant(tenant.parse().unwrap()));
    for gate in &gates {
        store.set_paused(&TEST, gate, true).await.unwrap();
    }
    let (a, b) = (scope("a").await, scope("b").await);
    let live = async |scope: &TenantScope| {
        let mut live = 0;
        for state in [JobState::Queued, JobState::Running] {
            let query = JobQuery { state: Some(state), ..JobQuery::default() };
            live += store.list(scope, &query).await.unwrap().len();
        }
        live
    };
    let wide = store.purge(&scope("*").await, &TEST, 2).await.unwrap_err().kind();
    assert_eq!(wide, StoreErrorKind::ScopeTooWide);
    for _ in 0..20 {
        let removed = store.purge(&a, &TEST, 2).await.unwrap();
        let depth = store.depth_any_tenant(&QueueName::default()).await.unwrap();
        let both = live(&a).await + live(&b).await;
        assert_eq!(u64::try_from(both).unwrap(), depth.ready + depth.running);
        if removed == 0 {
            break;
        }
    }
    assert!(store.list(&a, &JobQuery::default()).await.unwrap().is_empty());
    assert_eq!(store.list(&b, &JobQuery::default()).await.unwrap().len(), 6);
    assert_eq!((live(&b).await, store.paused().await.unwrap()), (3, gates[1..].to_vec()));
}

/// Finished jobs go when they are old enough, a few at a time, and no others.
pub async fn finished_jobs_are_removed_in_time<S: JobStore>(store: &S, clock: &ManualClock) {
    let jobs: Vec<_> = ["a", "a", "b", "b", "c"].into_iter().map(|tenant| say(tenant, "x")).collect();
    store.enqueue(&jobs).await.unwrap();
    let claims = claim(store, 4).await;
    let failed = claims.last().unwrap().claim.clone();
    for claimed in &claims {
        let outcome =
            if claimed.claim == failed { Outcome::Failed { error: "no".into(), dead: false } } else { DONE };
        assert!(settle(store, &claimed.claim, outcome).await);
    }
    let retention = Retention { succeeded_hours: 1, failed_hours: 2, canceled_hours: 1 };
    let removed = async |most| store.remove_finished_any_tenant(&retention, most).await.unwrap();
    clock.advance(Duration::from_mins(59));
    assert_eq!(removed(9).await, 0);
    clock.advance(Duration::from_mins(1));
    let mut all = 0;
    for _ in 0..6 {
        let some = removed(2).await;
        assert!(some <= 2);
        all += some;
    }
    assert_eq!(all, 3);
    clock.advance(Duration::from_hours(1));
    assert_eq!(removed(9).await, 1);
    clock.advance(Duration::from_hours(10_000));
    assert_eq!(removed(9).await, 0, "what waits is kept");
    assert_eq!(claim(store, 9).await.len(), 1);
}
