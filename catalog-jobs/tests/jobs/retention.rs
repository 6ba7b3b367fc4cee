//! The task that removes what is old.

use std::{sync::Arc, time::Duration};

use catalog_core::store::hook::Unaudited;
use catalog_jobs::{
    Outcome, Retention, RetentionTask,
    store::{EnqueueStore, MemoryJobStore, RecordStore},
    testing::{RuntimeClock, claim, say, settle},
};

const DONE: Outcome = Outcome::Succeeded { result: None };
const JOBS: usize = 1_200;

async fn finished(store: &MemoryJobStore<Unaudited>) {
    let jobs: Vec<_> = (0..JOBS).map(|number| say("a", &number.to_string())).collect();
    store.enqueue(&jobs).await.unwrap();
    for claimed in claim(store, JOBS).await {
        assert!(settle(store, &claimed.claim, DONE).await);
    }
}

#[tokio::test(start_paused = true)]
async fn all_that_is_old_goes_however_much_it_is() {
    let store = MemoryJobStore::new(Unaudited).with_clock(Arc::new(RuntimeClock::start()));
    finished(&store).await;
    let task = RetentionTask::new(store, Retention { succeeded_hours: 1, ..Retention::default() });
    assert_eq!(task.expire().await.unwrap(), 0);
    tokio::time::advance(Duration::from_hours(1)).await;
    assert_eq!(task.expire().await.unwrap(), JOBS);
}

#[tokio::test(start_paused = true)]
async fn it_goes_by_itself_and_until_then_it_stays() {
    let store = MemoryJobStore::new(Unaudited).with_clock(Arc::new(RuntimeClock::start()));
    finished(&store).await;
    let task = RetentionTask::new(store.clone(), Retention { succeeded_hours: 1, ..Retention::default() });
    let a = catalog_core::testing::scope("a").await;
    let is_kept = async || !store.list(&a, &catalog_jobs::JobQuery::default()).await.unwrap().is_empty();
    assert!(tokio::time::timeout(Duration::from_mins(59), task.run()).await.is_err() && is_kept().await);
    assert!(tokio::time::timeout(Duration::from_mins(20), task.run()).await.is_err() && !is_kept().await);
}
