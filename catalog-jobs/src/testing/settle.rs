use std::time::Duration;

use catalog_core::{
    clock::ManualClock,
    store::StoreErrorKind,
    testing::{TEST, scope},
};

use super::{DONE, LEASE, claim, said, say, settle};
use crate::{
    claim::{Outcome, Settlement},
    record::{JobRecord, JobState, Progress, Retried},
    store::JobStore,
};

async fn shown<S: JobStore>(store: &S, id: uuid::Uuid) -> JobRecord {
    store.find(&scope("a").await, id).await.unwrap().unwrap()
}

/// Each outcome leaves a job as it should be.
pub async fn attempts_end_as_they_say<S: JobStore>(store: &S, clock: &ManualClock) {
    let job = say("a", "x");
    store.enqueue(std::slice::from_ref(&job)).await.unwrap();
    let first = claim(store, 1).await.remove(0);
    let retry = |refund| Outcome::Retry { error: "too slow".into(), after: Duration::from_secs(5), refund };
    assert!(settle(store, &first.claim, retry(false)).await);
    let waits = shown(store, job.id).await;
    assert_eq!((waits.state, waits.scheduled, waits.attempt_count), (JobState::Queued, true, 1));
    assert_eq!(waits.last_error.as_deref(), Some("too slow"));
    assert!(claim(store, 1).await.is_empty());
    clock.advance(Duration::from_secs(5));
    let second = claim(store, 1).await.remove(0);
    assert_eq!(second.attempt, 2);
    assert!(settle(store, &second.claim, retry(true)).await);
    clock.advance(Duration::from_secs(5));
    let third = claim(store, 1).await.remove(0);
    assert_eq!(third.attempt, 2, "the one before did not count");
    assert!(settle(store, &third.claim, Outcome::Released { after: Duration::ZERO }).await);
    let fourth = claim(store, 1).await.remove(0);
    assert_eq!(fourth.attempt, 2, "nor did this one, and it is due at once");
    let progress = Some(Progress { done: 7, ..Progress::default() });
    let ended = Settlement {
        claim: fourth.claim,
        outcome: Outcome::Succeeded { result: Some(r#"{"loaded":7}"#.into()) },
        progress: progress.clone(),
    };
    assert!(store.settle(&[ended.clone(), ended]).await.unwrap()[0]);
    let done = shown(store, job.id).await;
    assert_eq!((done.state, done.attempt_count, done.progress), (JobState::Succeeded, 2, progress));
    assert_eq!(done.result.unwrap()["loaded"], 7);
    assert_eq!((done.last_error, done.next_attempt_at), (None, None));
    assert!(done.started_at.unwrap() <= done.finished_at.unwrap());

    let jobs = [say("a", "1"), say("a", "2"), say("a", "3")];
    store.enqueue(&jobs).await.unwrap();
    let claims = claim(store, 9).await;
    let outcomes = [
        Outcome::Failed { error: "no".into(), dead: false },
        Outcome::Failed { error: "never".into(), dead: true },
        Outcome::Canceled,
    ];
    let mut ended = Vec::new();
    for (job, outcome) in jobs.iter().zip(outcomes) {
        let claimed = claims.iter().find(|claimed| claimed.claim.id == job.id).unwrap();
        ended.push(Settlement { claim: claimed.claim.clone(), outcome, progress: None });
    }
    assert_eq!(store.settle(&ended).await.unwrap(), [true; 3]);
    for (job, (state, dead, error)) in jobs.iter().zip([
        (JobState::Failed, false, Some("no")),
        (JobState::Failed, true, Some("never")),
        (JobState::Canceled, false, None),
    ]) {
        let shown = shown(store, job.id).await;
        assert_eq!((shown.state, shown.dead, shown.last_error.as_deref()), (state, dead, error));
        assert_eq!((shown.attempt_count, shown.result.is_none()), (1, true));
    }
    assert!(claim(store, 9).await.is_empty());
}

/// A claim that was lost says nothing of the job, which another has by then, though it ends together with one that was not.
pub async fn what_was_lost_is_not_noted<S: JobStore>(store: &S, clock: &ManualClock) {
    store.enqueue(&[say("a", "lost")]).await.unwrap();
    let lost = claim(store, 1).await.remove(0).claim;
    clock.advance(LEASE);
    assert_eq!(store.reap_any_tenant(9).await.unwrap().requeued, 1);
    store.enqueue(&[say("a", "kept")]).await.unwrap();
    let claims = claim(store, 9).await;
    let before = shown(store, lost.id).await;
    let kept = claims.iter().find(|claimed| claimed.claim.id != lost.id).unwrap().claim.clone();
    let ended = [&lost, &kept].map(|claim| Settlement {
        claim: claim.clone(),
        outcome: Outcome::Retry { error: "too slow".into(), after: Duration::ZERO, refund: false },
        progress: Some(Progress { done: 7, ..Progress::default() }),
    });
    assert_eq!(store.settle(&ended).await.unwrap(), [false, true]);
    assert_eq!(shown(store, kept.id).await.last_error.as_deref(), Some("too slow"));
    assert_eq!(shown(store, lost.id).await, before);
    assert_eq!(before.state, JobState::Running);
}

/// What failed or was canceled may be tried again, with all its attempts; what succeeded or is live may not.
pub async fn what_failed_may_be_tried_again<S: JobStore>(store: &S, _: &ManualClock) {
    let a = scope("a").await;
    let job = say("a", "x").with_unique_key("x").unwrap().with_max_attempts(1).unwrap();
    store.enqueue(std::slice::from_ref(&job)).await.unwrap();
    assert_eq!(store.retry(&a, &TEST, job.id).await.unwrap(), Some(Retried::Live));
    let claimed = claim(store, 1).await.remove(0);
    settle(store, &claimed.claim, Outcome::Failed { error: "no".into(), dead: true }).await;
    assert_eq!(store.retry(&scope("b").await, &TEST, job.id).await.unwrap(), None);
    assert_eq!(
        store.retry(&scope("*").await, &TEST, job.id).await.unwrap_err().kind(),
        StoreErrorKind::ScopeTooWide
    );
    let other = say("a", "y").with_unique_key("x").unwrap();
    store.enqueue(std::slice::from_ref(&other)).await.unwrap();
    assert_eq!(store.retry(&a, &TEST, job.id).await.unwrap(), Some(Retried::Conflict(other.id)));
    let claimed = claim(store, 1).await.remove(0);
    settle(store, &claimed.claim, DONE).await;
    assert_eq!(store.retry(&a, &TEST, other.id).await.unwrap(), Some(Retried::Succeeded));
    assert_eq!(store.retry(&a, &TEST, job.id).await.unwrap(), Some(Retried::Queued));
    let queued = shown(store, job.id).await;
    assert_eq!(
        (queued.state, queued.dead, queued.attempt_count, queued.finished_at),
        (JobState::Queued, false, 0, None)
    );
    let again = claim(store, 9).await;
    assert_eq!((said(&again).as_str(), again[0].attempt), ("x", 1));
    assert!(settle(store, &again[0].claim, DONE).await);
    assert_eq!(shown(store, job.id).await.state, JobState::Succeeded);
}
