use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use catalog_core::{
    store::{
        StoreError, StoreErrorKind,
        hook::{Change, Recorder},
    },
    testing::{TEST, scope},
};

use super::{DONE, claim, name, said, say, settle};
use crate::{
    claim::Outcome,
    gate::Gate,
    name::QueueName,
    new_job::Enqueued,
    record::{Cancel, JobState, Retried},
    store::JobStore,
};

const GRACE: Duration = Duration::from_secs(10);

/// Hears each change, with what it was told before the change was made.
#[derive(Clone, Debug, Default)]
pub struct Heard(Arc<Mutex<Vec<String>>>);

impl Heard {
    /// Takes what was heard since the last time: the tenant, the subject, and the values before and after.
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl<T: Send> Recorder<T> for Heard {
    async fn record(&self, _: &mut T, change: &Change<'_>) -> Result<(), StoreError> {
        let namespace = change.namespace.map_or("-", |namespace| namespace.as_str());
        let plugin = change.plugin.map_or("-", |plugin| plugin.as_str());
        let value = |value: &Option<serde_json::Value>| value.clone().unwrap_or_default().to_string();
        let (before, after) = (value(&change.old_value), value(&change.new_value));
        self.0.lock().unwrap().push(format!("{namespace} {plugin} {:?} {before} {after}", change.subject));
        Ok(())
    }
}

/// What somebody changes is recorded once, and what changes nothing is not; the store is made with that recorder.
pub async fn changes_are_recorded<S: JobStore>(store: &S, heard: &Heard) {
    let a = scope("a").await;
    let unique = |what| say("a", what).with_unique_key("k").unwrap().for_plugin("mcp".parse().unwrap());
    let (first, other) = (unique("secret"), say("b", "secret"));
    store.enqueue_for(&TEST, &[first.clone(), unique("2"), other.clone()]).await.unwrap();
    let queued = r#"null {"kind":"say","queue":"default","state":"queued"}"#;
    assert_eq!(
        heard.take(),
        [format!("a mcp Jobs([{}]) {queued}", first.id), format!("b - Jobs([{}]) {queued}", other.id)]
    );
    assert_eq!(store.enqueue_for(&TEST, &[unique("3")]).await.unwrap(), [Enqueued::Live(first.id)]);
    store.enqueue(&[say("c", "by the program itself")]).await.unwrap();
    assert!(heard.take().is_empty());

    let job = |from: &str, to: &str| {
        [format!(r#"a mcp Jobs([{}]) {{"state":"{from}"}} {{{to}"state":"{from}"}}"#, first.id)]
    };
    let moved = |from: &str, to: &str| {
        [format!(r#"a mcp Jobs([{}]) {{"state":"{from}"}} {{"state":"{to}"}}"#, first.id)]
    };
    for (canceled, told) in [(Cancel::Canceled, true), (Cancel::Finished(JobState::Canceled), false)] {
        assert_eq!(store.cancel(&a, &TEST, first.id, GRACE).await.unwrap(), Some(canceled));
        assert_eq!(heard.take(), moved("queued", "canceled")[..usize::from(told)]);
    }
    for (retried, told) in [(Retried::Queued, true), (Retried::Live, false)] {
        assert_eq!(store.retry(&a, &TEST, first.id).await.unwrap(), Some(retried));
        assert_eq!(heard.take(), moved("canceled", "queued")[..usize::from(told)]);
    }
    assert_eq!(store.cancel(&scope("b").await, &TEST, first.id, GRACE).await.unwrap(), None);
    let claimed = claim(store, 9).await;
    for told in [true, false] {
        assert_eq!(store.cancel(&a, &TEST, first.id, GRACE).await.unwrap(), Some(Cancel::Requested));
        assert_eq!(heard.take(), job("running", r#""cancelRequested":true,"#)[..usize::from(told)]);
    }
    for claimed in &claimed {
        let failed = Outcome::Failed { error: "no".into(), dead: false };
        settle(store, &claimed.claim, if claimed.claim.id == first.id { failed } else { DONE }).await;
    }
    assert_eq!(store.retry(&a, &TEST, first.id).await.unwrap(), Some(Retried::Queued));
    assert_eq!(heard.take(), moved("failed", "queued"));

    for (gate, subject) in [
        (Gate::Tenant(name("a")), "a - Jobs([])"),
        (Gate::Queue(QueueName::default()), r#"- - Queue("default")"#),
    ] {
        for paused in [true, false] {
            for told in [true, false] {
                assert_eq!(store.set_paused(&TEST, &gate, paused).await.unwrap(), told);
                let line = format!(r#"{subject} {{"paused":{}}} {{"paused":{paused}}}"#, !paused);
                assert_eq!(heard.take(), [line][..usize::from(told)]);
            }
        }
    }
}

/// What cannot be recorded is not done; the store is made with a [`BrokenRecorder`](catalog_core::testing::BrokenRecorder).
pub async fn what_cannot_be_recorded_is_not_done<S: JobStore>(store: &S) {
    fn refused<T: std::fmt::Debug>(done: Result<T, StoreError>) {
        assert_eq!(done.unwrap_err().kind(), StoreErrorKind::Unavailable);
    }
    let a = scope("a").await;
    let (waits, runs) = (say("a", "waits"), say("a", "runs"));
    refused(store.enqueue_for(&TEST, std::slice::from_ref(&runs)).await);
    assert!(store.find(&a, runs.id).await.unwrap().is_none());
    store.enqueue(std::slice::from_ref(&runs)).await.unwrap();
    let claimed = claim(store, 9).await;
    store.enqueue(std::slice::from_ref(&waits)).await.unwrap();
    for job in [&waits, &runs] {
        refused(store.cancel(&a, &TEST, job.id, GRACE).await);
        let record = store.find(&a, job.id).await.unwrap().unwrap();
        assert!(!record.cancel_requested && !record.state.is_final(), "{record:?}");
    }
    assert!(settle(store, &claimed[0].claim, Outcome::Failed { error: "no".into(), dead: false }).await);
    refused(store.retry(&a, &TEST, runs.id).await);
    assert_eq!(store.find(&a, runs.id).await.unwrap().unwrap().state, JobState::Failed);
    refused(store.set_paused(&TEST, &Gate::Tenant(name("a")), true).await);
    assert!(store.paused().await.unwrap().is_empty());
    assert_eq!(said(&claim(store, 9).await), "waits");
}
