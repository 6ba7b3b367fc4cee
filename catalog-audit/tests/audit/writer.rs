//! Group commit.

use std::{sync::atomic::Ordering, time::Duration};

use catalog_audit::{
    AuditWriter, IntentSweeper, WriterConfig,
    event::Record,
    store::{AuditQuery, AuditStore, IntentStore},
    testing::{event, noon},
};
use catalog_core::{clock::ManualClock, page::PageSize, store::StoreErrorKind, testing::scope};
use tokio::task::JoinSet;

use crate::{
    faulty::Faulty,
    fixture::{Fixture, over_every_store},
};

async fn what_waits_together_is_written_together<S: AuditStore + IntentStore + Clone>(fixture: &Fixture<S>) {
    let writer = AuditWriter::spawn(fixture.store.clone(), WriterConfig::default());
    let mut waiting = JoinSet::new();
    for second in 0..1_000 {
        let writer = writer.clone();
        waiting.spawn(async move { writer.append(Record::of(event("a", second))).await });
    }
    while let Some(written) = waiting.join_next().await {
        written.unwrap().unwrap();
    }
    let query = AuditQuery::default();
    let mut query = query;
    query.size = PageSize::new(1_000).unwrap();
    assert_eq!(fixture.store.list(&scope("a").await, &query).await.unwrap().len(), 1_000);
}

async fn only_what_was_cut_off_is_swept<S: AuditStore + IntentStore + Clone>(fixture: &Fixture<S>) {
    let intents: Vec<Record> = (0..4).map(|second| Record::of(event("a", second))).collect();
    fixture.store.intend(&intents).await.unwrap();
    let mut done = event("a", 0);
    done.id = intents[0].id;
    done.actor = "who did it".into();
    fixture.store.append(&[Record::of(done)]).await.unwrap();
    let clock = ManualClock::new(noon());
    let sweeper = IntentSweeper::new(fixture.store.clone(), Duration::from_secs(10));
    let sweeper = sweeper.with_clock(std::sync::Arc::new(clock.clone()));
    assert_eq!(sweeper.sweep().await.unwrap(), 0, "none is old enough");
    clock.advance(Duration::from_secs(13));
    assert_eq!(sweeper.sweep().await.unwrap(), 2, "two are, and have no event");
    assert_eq!(sweeper.sweep().await.unwrap(), 0);
    let all = fixture.store.list(&scope("a").await, &AuditQuery::default()).await.unwrap();
    let actors: Vec<&str> = all.iter().map(|stored| stored.record.actor.as_str()).collect();
    assert_eq!(actors, ["user-2", "user-1", "who did it"]);
    clock.advance(Duration::from_secs(1));
    assert_eq!(sweeper.sweep().await.unwrap(), 1);
}

over_every_store! {
    what_waits_together_is_written_together
    only_what_was_cut_off_is_swept
}

#[tokio::test]
async fn nobody_is_told_before_it_is_durable() {
    let store = Faulty::new();
    store.may.forget_permits(1_000_000);
    let writer = AuditWriter::spawn(store.clone(), WriterConfig::default());
    let append = |second| {
        let writer = writer.clone();
        tokio::spawn(async move { writer.append(Record::of(event("a", second))).await })
    };
    let first = append(0);
    tokio::task::yield_now().await;
    let rest: Vec<_> = (1..50).map(append).collect();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!first.is_finished() && rest.iter().all(|task| !task.is_finished()));
    store.may.add_permits(1);
    first.await.unwrap().unwrap();
    assert!(rest.iter().all(|task| !task.is_finished()), "each waits for its own");
    store.may.add_permits(1);
    for task in rest {
        task.await.unwrap().unwrap();
    }
    assert_eq!(store.batches.load(Ordering::SeqCst), 2);
    assert_eq!(store.events().await.len(), 50);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_is_given_up_and_memory_stays_bounded() {
    let store = Faulty::new();
    store.may.forget_permits(1_000_000);
    let mut config = WriterConfig::default();
    (config.queue, config.bytes, config.batch) = (4, 8_192, 1);
    let writer = AuditWriter::spawn(store.clone(), config);
    let refused = writer.append(Record::of(event("a", 0))).await.unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::Unavailable);
    assert!(writer.failing_since().is_some());
    for second in 1..100 {
        writer.append_soon(Record::of(event("a", second)));
    }
    assert!((90..99).contains(&writer.dropped()), "{}", writer.dropped());
    store.may.add_permits(1_000);
    let probe = Record::of(event("a", 200));
    tokio::time::sleep(Duration::from_secs(1)).await;
    // the queue is written first, and then there is room again
    while writer.append(probe.clone()).await.is_err() {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(writer.failing_since().is_none());
    assert_eq!(store.events().await.len() as u64, 101 - writer.dropped());
}
