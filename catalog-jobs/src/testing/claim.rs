use std::{collections::HashSet, time::Duration};

use catalog_core::{clock::ManualClock, store::StoreErrorKind, store::hook::Fence, testing::scope};

use super::{DONE, LEASE, claim, said, say, settle};
use crate::{
    allot::Rotation,
    claim::{Beat, Claim, ClaimRequest, Outcome, Reaped, Renewed},
    name::QueueName,
    new_job::{Due, NewJob},
    record::{JobState, Progress},
    store::{EnqueueStore, JobStore},
};

/// What is claimed at once comes in the order in which it is to be begun: the tenants one after the other, each one's jobs by
/// priority and age.
pub async fn claims_come_in_order<S: JobStore>(store: &S, _: &ManualClock) {
    let job = |number: i16| {
        let tenant = if number % 2 == 0 { "a" } else { "b" };
        let plugin = if number % 3 == 0 { "mcp" } else { "model" };
        say(tenant, &number.to_string()).with_priority(number * 7 % 5).for_plugin(plugin.parse().unwrap())
    };
    let jobs: Vec<NewJob> = (0..40).map(job).collect();
    store.enqueue(&jobs).await.unwrap();
    let claimed = claim(store, jobs.len()).await;
    let mut ordered: Vec<&NewJob> = jobs.iter().collect();
    ordered.sort_by_key(|job| (&job.namespace, std::cmp::Reverse(job.priority), job.id));
    let ids: Vec<_> = claimed.iter().map(|claimed| claimed.claim.id).collect();
    assert_eq!(ids, ordered.iter().map(|job| job.id).collect::<Vec<_>>());
}

/// A job that is due is claimed by one, with what it needs to know, in the order of priority and age.
pub async fn due_jobs_are_claimed_once<S: JobStore>(store: &S, _: &ManualClock) {
    assert!(claim(store, 9).await.is_empty());
    let jobs = [say("a", "2"), say("a", "3"), say("a", "1").with_priority(5)];
    let other = say("a", "4").in_queue("other".parse().unwrap());
    store.enqueue(&[&jobs[..], &[other]].concat()).await.unwrap();
    let first = claim(store, 2).await;
    assert_eq!(said(&first), "1 2");
    let second = claim(store, 9).await;
    assert_eq!(said(&second), "3");
    assert!(claim(store, 9).await.is_empty());
    let tokens: HashSet<i64> = first.iter().chain(&second).map(|claimed| claimed.claim.token).collect();
    assert_eq!(tokens.len(), 3);
    assert!(second.iter().all(|later| first.iter().all(|earlier| later.claim.token > earlier.claim.token)));
    let one = &second[0];
    assert_eq!((one.attempt, one.max_attempts, one.kind.as_str()), (1, 5, "say"));
    assert_eq!((one.claim.id, one.claim.namespace.as_str()), (jobs[1].id, "a"));
    let depth = store.depth_any_tenant(&QueueName::default()).await.unwrap();
    assert_eq!((depth.ready, depth.scheduled, depth.running), (0, 0, 3));
}

/// A job is not claimed before it is due, and the store says when that is.
pub async fn scheduled_jobs_wait_until_they_are_due<S: JobStore>(store: &S, clock: &ManualClock) {
    let soon = say("a", "soon").due(Due::After(Duration::from_secs(10)));
    let later = say("a", "later").due(Due::After(Duration::from_mins(1))).with_priority(9);
    store.enqueue(&[later, soon.clone()]).await.unwrap();
    let request = ClaimRequest::new(QueueName::default(), "test", 9, LEASE);
    let batch = store.claim_any_tenant(&request, &mut Rotation::default()).await.unwrap();
    assert!(batch.claimed.is_empty() && !batch.more);
    assert_eq!(batch.next_due, Some(Duration::from_secs(10)));
    let record = store.find(&scope("a").await, soon.id).await.unwrap().unwrap();
    assert_eq!((record.state, record.scheduled), (JobState::Queued, true));
    assert_eq!(
        record.next_attempt_at.unwrap().saturating_since(record.requested_at),
        Duration::from_secs(10)
    );
    clock.advance(Duration::from_millis(9_999));
    assert!(claim(store, 9).await.is_empty(), "no early start");
    clock.advance(Duration::from_millis(1));
    assert_eq!(said(&claim(store, 9).await), "soon");
    clock.advance(Duration::from_mins(1));
    assert_eq!(said(&claim(store, 9).await), "later");
}

/// A lease that is not renewed runs out: another worker gets the job, and the first one can change nothing more.
pub async fn a_lease_that_ran_out_is_taken_away<S: JobStore>(store: &S, clock: &ManualClock) {
    let job = say("a", "x").with_max_attempts(2).unwrap();
    store.enqueue(std::slice::from_ref(&job)).await.unwrap();
    let first = claim(store, 1).await.remove(0);
    clock.advance(LEASE / 2);
    let progress = Some(Progress { done: 3, total: Some(4), message: Some("half".into()) });
    let beat = [Beat { claim: first.claim.clone(), progress: progress.clone() }];
    assert_eq!(store.renew(&beat, LEASE).await.unwrap(), [Renewed::Held]);
    clock.advance(LEASE.saturating_sub(Duration::from_millis(1)));
    assert_eq!(store.reap_any_tenant(9).await.unwrap(), Reaped::default(), "it was renewed");
    let record = store.find(&scope("a").await, job.id).await.unwrap().unwrap();
    assert_eq!((record.state, record.progress), (JobState::Running, progress));
    clock.advance(Duration::from_millis(1));
    assert_eq!(store.reap_any_tenant(9).await.unwrap(), Reaped { requeued: 1, ..Reaped::default() });
    assert_eq!(store.renew(&beat, LEASE).await.unwrap(), [Renewed::Lost]);
    let second = claim(store, 1).await.remove(0);
    assert_eq!(second.attempt, 2, "an attempt is counted when it is claimed");
    assert!(second.claim.token > first.claim.token);
    assert!(!settle(store, &first.claim, DONE).await);
    assert_eq!(store.renew(&beat, LEASE).await.unwrap(), [Renewed::Lost]);
    clock.advance(LEASE);
    assert_eq!(store.reap_any_tenant(9).await.unwrap(), Reaped { dead: 1, ..Reaped::default() });
    let record = store.find(&scope("a").await, job.id).await.unwrap().unwrap();
    assert_eq!((record.state, record.dead, record.attempt_count), (JobState::Failed, true, 2));
    assert!(record.last_error.is_some() && record.finished_at.is_some());
    assert!(!settle(store, &second.claim, DONE).await);
}

/// Whoever has no claim, or another's, can change nothing.
pub async fn a_claim_is_fenced<S: JobStore>(
    store: &S,
    begin: impl AsyncFnOnce() -> <S as EnqueueStore>::Transaction,
) {
    store.enqueue(&[say("a", "x"), say("b", "y")]).await.unwrap();
    let held = claim(store, 1).await.remove(0).claim;
    let mut transaction = begin().await;
    store.fence(&held).check(&mut transaction).await.unwrap();
    let forged = [
        Claim { token: held.token + 1, ..held.clone() },
        Claim { token: 0, ..held.clone() },
        Claim { namespace: "b".parse().unwrap(), ..held.clone() },
        Claim { id: uuid::Uuid::now_v7(), ..held.clone() },
    ];
    for forged in &forged {
        let refused = store.fence(forged).check(&mut transaction).await.unwrap_err();
        assert_eq!(refused.kind(), StoreErrorKind::Fenced);
        let completed = store.complete_within(&mut transaction, forged, None, Box::new(|| panic!("done")));
        assert_eq!(completed.await.unwrap_err().kind(), StoreErrorKind::Fenced);
    }
    drop(transaction);
    for forged in forged {
        assert_eq!(
            store.renew(&[Beat { claim: forged.clone(), progress: None }], LEASE).await.unwrap(),
            [Renewed::Lost]
        );
        assert!(!settle(store, &forged, Outcome::Canceled).await);
    }
    assert!(settle(store, &held, DONE).await);
    assert!(!settle(store, &held, DONE).await, "a claim ends once");
}
