use std::time::Duration;

use catalog_core::{
    clock::{Clock, ManualClock},
    name::Namespace,
    store::StoreError,
    store::{
        StoreErrorKind,
        hook::{Admission, Stock},
    },
    testing::{TEST, scope},
};

use super::{DONE, Say, claim, name, said, say, settle};
use crate::{
    claim::Outcome,
    new_job::{Due, Enqueued, NewJob},
    record::{JobState, Retried},
    store::JobStore,
};

/// Many jobs go in at once, and keep what they were given.
pub async fn many_are_enqueued_at_once<S: JobStore>(store: &S, _: &ManualClock) {
    assert!(store.enqueue(&[]).await.unwrap().is_empty());
    let jobs: Vec<NewJob> =
        (0..1_000).map(|number| say(if number % 3 == 0 { "a" } else { "b" }, "x")).collect();
    let enqueued = store.enqueue(&jobs).await.unwrap();
    let expected: Vec<Enqueued> = jobs.iter().map(|job| Enqueued::New(job.id)).collect();
    assert_eq!(enqueued, expected);
    let odd = "a'; drop \u{10ffff}\" \\ {\u{1}";
    let one = NewJob::new(name("c"), &Say(odd.into())).unwrap().for_plugin("mcp".parse().unwrap());
    let one = one.for_source("acme".parse().unwrap()).requested_by("ada@team-a.example\n");
    store.enqueue(std::slice::from_ref(&one)).await.unwrap();
    let found = store.find(&scope("c").await, one.id).await.unwrap().unwrap();
    assert_eq!(found.requested_by.as_deref(), Some("ada@team-a.example"));
    assert_eq!(found.plugin.as_ref().unwrap().as_str(), "mcp");
    assert_eq!(found.source_id.as_ref().unwrap().as_str(), "acme");
    let claimed = claim(store, 2_000).await;
    let of_c: Vec<_> =
        claimed.into_iter().filter(|claimed| claimed.claim.namespace.as_str() == "c").collect();
    assert_eq!(said(&of_c), odd);
    assert_eq!(of_c[0].plugin.as_ref().unwrap().as_str(), "mcp");
}

/// While a job with a unique key is live it is the only one; when it is finished there may be another.
pub async fn a_unique_key_has_one_live_job<S: JobStore>(store: &S, _: &ManualClock) {
    let unique = |tenant, what| say(tenant, what).with_unique_key("refresh:model:source-1").unwrap();
    let (first, second, foreign) = (unique("a", "1"), unique("a", "2"), unique("b", "3"));
    let enqueued = store.enqueue(&[first.clone(), second, foreign.clone()]).await.unwrap();
    assert_eq!(enqueued, [Enqueued::New(first.id), Enqueued::Live(first.id), Enqueued::New(foreign.id)]);
    let claimed = claim(store, 9).await;
    assert_eq!(said(&claimed), "1 3");
    assert_eq!(store.enqueue(&[unique("a", "4")]).await.unwrap(), [Enqueued::Live(first.id)], "it runs");
    for claimed in &claimed {
        assert!(settle(store, &claimed.claim, DONE).await);
    }
    let fifth = unique("a", "5").due(Due::After(Duration::from_secs(1)));
    assert_eq!(store.enqueue(std::slice::from_ref(&fifth)).await.unwrap(), [Enqueued::New(fifth.id)]);
    assert_eq!(store.enqueue(&[unique("a", "6")]).await.unwrap(), [Enqueued::Live(fifth.id)], "it waits");
}

/// Jobs that are debounced are one, when it has been quiet for a while or the first has waited for long enough.
pub async fn a_burst_is_one_job<S: JobStore>(store: &S, clock: &ManualClock) {
    let secs = Duration::from_secs;
    let of = |tenant, quiet| say(tenant, "x").debounced("k", secs(quiet), secs(25)).unwrap();
    let (first, foreign) = (of("a", 10), of("b", 10));
    store.enqueue(&[first.clone(), foreign.clone()]).await.unwrap();
    let (a, begun) = (scope("a").await, clock.now());
    let due = async || {
        let record = store.find(&a, first.id).await.unwrap().unwrap();
        record.next_attempt_at.map(|at| at.saturating_since(begun).as_secs())
    };
    assert_eq!(due().await, Some(10));
    for (passes, quiet, is_due) in [(5, 10, 15), (0, 1, 15), (9, 10, 24), (6, 10, 25)] {
        clock.advance(secs(passes));
        assert_eq!(store.enqueue(&[of("a", quiet)]).await.unwrap(), [Enqueued::Live(first.id)]);
        assert_eq!(due().await, Some(is_due));
    }
    clock.advance(secs(4));
    let claimed = claim(store, 9).await;
    assert_eq!(claimed.iter().map(|claimed| claimed.claim.id).collect::<Vec<_>>(), [foreign.id]);
    clock.advance(secs(1));
    // it is due, though nobody has it yet
    store.enqueue(&[of("a", 25)]).await.unwrap();
    let claimed = claim(store, 9).await.remove(0).claim;
    assert_eq!(claimed.id, first.id);
    assert_eq!(store.enqueue(&[of("a", 25)]).await.unwrap(), [Enqueued::Live(first.id)], "it runs");
    let limited = Outcome::Retry { error: "slow down".into(), after: secs(5), refund: true };
    assert!(settle(store, &claimed, limited).await);
    assert_eq!(due().await, Some(30));
    store.enqueue(&[of("a", 25)]).await.unwrap();
    assert_eq!(due().await, Some(30), "it was attempted");
    clock.advance(secs(5));
    assert!(settle(store, &claim(store, 1).await[0].claim, DONE).await);
    let next = of("a", 10);
    assert_eq!(store.enqueue(std::slice::from_ref(&next)).await.unwrap(), [Enqueued::New(next.id)]);
}

/// The same idempotency key gives the same job for a day, finished or not; and no other job.
pub async fn an_idempotency_key_gives_the_same_job_for_a_day<S: JobStore>(store: &S, clock: &ManualClock) {
    let keyed = |tenant, what| say(tenant, what).with_idempotency_key("key").unwrap();
    let first = keyed("a", "1");
    assert_eq!(store.enqueue(std::slice::from_ref(&first)).await.unwrap(), [Enqueued::New(first.id)]);
    assert_eq!(store.enqueue(&[keyed("a", "1")]).await.unwrap(), [Enqueued::Replayed(first.id)]);
    assert_eq!(store.enqueue(&[keyed("a", "2")]).await.unwrap(), [Enqueued::Mismatched(first.id)]);
    let foreign = keyed("b", "2");
    assert_eq!(store.enqueue(std::slice::from_ref(&foreign)).await.unwrap(), [Enqueued::New(foreign.id)]);
    for claimed in claim(store, 9).await {
        settle(store, &claimed.claim, DONE).await;
    }
    clock.advance(Duration::from_hours(23));
    assert_eq!(store.enqueue(&[keyed("a", "1")]).await.unwrap(), [Enqueued::Replayed(first.id)]);
    clock.advance(Duration::from_hours(1));
    let again = keyed("a", "2");
    assert_eq!(store.enqueue(std::slice::from_ref(&again)).await.unwrap(), [Enqueued::New(again.id)]);
    assert_eq!(store.find(&scope("a").await, first.id).await.unwrap().unwrap().idempotency_key, None);
}

/// Closes tenant `closed` and lets others have three live jobs.
#[derive(Clone, Copy, Debug, Default)]
pub struct ThreeEach;

#[async_trait::async_trait]
impl<T: Send> Admission<T> for ThreeEach {
    async fn admit(&self, _: &mut T, namespace: &Namespace) -> Result<(), StoreError> {
        match namespace.as_str() {
            "closed" => Err(StoreErrorKind::NotAdmitted.into()),
            _ => Ok(()),
        }
    }

    fn limit(&self, _: &Namespace, stock: Stock) -> Option<u64> {
        (stock == Stock::LiveJobs).then_some(3)
    }
}

/// What is tried again is one more live job of its tenant, which must be allowed to have it; `limited` has the same jobs as `store`,
/// and is made with [`ThreeEach`].
pub async fn what_is_tried_again_is_within_the_quota<S: JobStore>(store: &S, limited: &S) {
    let (job, closed) = (say("a", "0"), say("closed", "0"));
    store.enqueue(&[job.clone(), closed.clone()]).await.unwrap();
    for claimed in claim(store, 2).await {
        settle(store, &claimed.claim, Outcome::Failed { error: "no".into(), dead: false }).await;
    }
    let (a, others) = (scope("a").await, [say("a", "1"), say("a", "2"), say("a", "3")]);
    store.enqueue(&others).await.unwrap();
    let refused = limited.retry(&a, &TEST, job.id).await.unwrap_err().kind();
    assert_eq!(refused, StoreErrorKind::TooManyJobs);
    let unchanged = store.find(&a, job.id).await.unwrap().unwrap();
    assert_eq!((unchanged.state, unchanged.attempt_count), (JobState::Failed, 1));
    let refused = limited.retry(&scope("closed").await, &TEST, closed.id).await.unwrap_err().kind();
    assert_eq!(refused, StoreErrorKind::NotAdmitted);
    assert_eq!(limited.retry(&a, &TEST, others[0].id).await.unwrap(), Some(Retried::Live));
    let claimed = claim(store, 9).await;
    assert_eq!(said(&claimed), "1 2 3");
    settle(store, &claimed[0].claim, DONE).await;
    assert_eq!(limited.retry(&a, &TEST, job.id).await.unwrap(), Some(Retried::Queued));
}

/// A tenant has as many live jobs as it may, and one that is closed none; the store is made with [`ThreeEach`].
pub async fn a_quota_is_kept<S: JobStore>(store: &S, _: &ManualClock) {
    let refused = async |jobs: &[NewJob]| store.enqueue(jobs).await.unwrap_err().kind();
    assert_eq!(refused(&[say("closed", "x")]).await, StoreErrorKind::NotAdmitted);
    store.enqueue(&[say("a", "1"), say("a", "2")]).await.unwrap();
    let two = [say("b", "1"), say("a", "3"), say("a", "4")];
    assert_eq!(refused(&two).await, StoreErrorKind::TooManyJobs, "all or none");
    assert_eq!(said(&claim(store, 9).await), "1 2");
    store.enqueue(&[say("a", "5")]).await.unwrap();
    assert_eq!(refused(&[say("a", "6")]).await, StoreErrorKind::TooManyJobs, "what runs counts");
    let claimed = claim(store, 9).await;
    assert!(settle(store, &claimed[0].claim, DONE).await);
    store.enqueue(&[say("a", "7")]).await.unwrap();
}
