use std::time::Duration;

use catalog_core::{clock::ManualClock, page::PageSize, testing::scope};

use super::{DONE, claim, say, settle};
use crate::{
    claim::Outcome,
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
