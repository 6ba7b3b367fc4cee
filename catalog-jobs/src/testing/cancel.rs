use std::time::Duration;

use catalog_core::{
    clock::ManualClock,
    store::StoreErrorKind,
    testing::{TEST, scope},
};

use super::{DONE, LEASE, claim, say, settle};
use crate::{
    claim::{Beat, Outcome, Reaped, Renewed},
    new_job::Due,
    record::{Cancel, JobState},
    store::JobStore,
};

const GRACE: Duration = Duration::from_secs(10);

/// A job that waits, due or not, is canceled at once; one of another tenant is not there.
pub async fn a_waiting_job_is_canceled_at_once<S: JobStore>(store: &S, _: &ManualClock) {
    let (due, later) = (say("a", "1"), say("a", "2").due(Due::After(GRACE)));
    store.enqueue(&[due.clone(), later.clone()]).await.unwrap();
    assert_eq!(store.cancel(&scope("b").await, &TEST, due.id, GRACE).await.unwrap(), None);
    let all = store.cancel(&scope("*").await, &TEST, due.id, GRACE).await;
    assert_eq!(all.unwrap_err().kind(), StoreErrorKind::ScopeTooWide);
    for id in [due.id, later.id] {
        let a = scope("a").await;
        assert_eq!(store.cancel(&a, &TEST, id, GRACE).await.unwrap(), Some(Cancel::Canceled));
        let again = store.cancel(&a, &TEST, id, GRACE).await.unwrap();
        assert_eq!(again, Some(Cancel::Finished(JobState::Canceled)));
        assert_eq!(store.find(&a, id).await.unwrap().unwrap().state, JobState::Canceled);
    }
    assert!(claim(store, 9).await.is_empty());
}

/// A job that ends while it is to be canceled has ended.
pub async fn a_job_that_ends_meanwhile_is_finished<S: JobStore + Clone>(store: &S, _: &ManualClock) {
    let jobs: Vec<_> = (0..30).map(|_| say("a", "x")).collect();
    store.enqueue(&jobs).await.unwrap();
    let a = scope("a").await;
    for claimed in claim(store, jobs.len()).await {
        let (id, both) = (claimed.claim.id, store.clone());
        let ends = tokio::spawn(async move { settle(&both, &claimed.claim, DONE).await });
        let canceled = store.cancel(&a, &TEST, id, GRACE).await.unwrap().unwrap();
        assert!(
            matches!(canceled, Cancel::Requested | Cancel::Finished(JobState::Succeeded)),
            "{canceled:?}"
        );
        assert!(ends.await.unwrap(), "to ask is not to take away");
    }
}

/// The worker of a job that runs is told; if it does not end in time its claim is taken away. It is not tried again.
pub async fn a_running_job_is_asked_to_stop_and_then_made_to<S: JobStore>(store: &S, clock: &ManualClock) {
    let a = scope("a").await;
    let jobs = ["stops", "hangs", "fails", "ends"].map(|what| say("a", what));
    store.enqueue(&jobs).await.unwrap();
    let claims = claim(store, 9).await;
    let of = |index: usize| {
        claims.iter().find(|claimed| claimed.claim.id == jobs[index].id).unwrap().claim.clone()
    };
    for job in &jobs {
        assert_eq!(store.cancel(&a, &TEST, job.id, GRACE).await.unwrap(), Some(Cancel::Requested));
        let shown = store.find(&a, job.id).await.unwrap().unwrap();
        assert_eq!((shown.state, shown.cancel_requested), (JobState::Running, true));
    }
    let beats: Vec<Beat> =
        claims.iter().map(|claimed| Beat { claim: claimed.claim.clone(), progress: None }).collect();
    assert_eq!(store.renew(&beats, LEASE).await.unwrap(), [Renewed::CancelRequested; 4]);
    assert!(settle(store, &of(0), Outcome::Canceled).await);
    let retry = Outcome::Retry { error: "no".into(), after: GRACE, refund: false };
    assert!(settle(store, &of(2), retry).await);
    assert!(settle(store, &of(3), DONE).await);
    clock.advance(GRACE.saturating_sub(Duration::from_millis(1)));
    assert_eq!(store.cancel(&a, &TEST, jobs[1].id, GRACE).await.unwrap(), Some(Cancel::Requested));
    assert_eq!(store.reap_any_tenant(9).await.unwrap(), Reaped::default());
    clock.advance(Duration::from_millis(1));
    let reaped = store.reap_any_tenant(9).await.unwrap();
    assert_eq!(reaped, Reaped { canceled: 1, ..Reaped::default() }, "asking again gives no more time");
    assert!(!settle(store, &of(1), DONE).await);
    for (job, state) in
        jobs.iter().zip([JobState::Canceled, JobState::Canceled, JobState::Canceled, JobState::Succeeded])
    {
        assert_eq!(store.find(&a, job.id).await.unwrap().unwrap().state, state);
    }
}
