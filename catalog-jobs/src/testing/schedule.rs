use std::{sync::Arc, time::Duration};

use catalog_core::{
    clock::{Clock, ManualClock},
    store::hook::Purge,
    testing::{TEST, scope},
};

use super::{DONE, Say, claim, name, said, settle};
use crate::{
    record::JobQuery,
    schedule::{Missed, Schedule, Scheduler},
    store::{JobStore, ScheduleStore},
};

/// A tenant that may have no job keeps no other's schedule from its own; the store is made with [`ThreeEach`](super::ThreeEach).
pub async fn a_schedule_that_is_refused_stops_no_other<S: JobStore + ScheduleStore + Clone>(
    store: &S,
    clock: &ManualClock,
) {
    let scheduler = Scheduler::new(store.clone()).with_clock(Arc::new(clock.clone()));
    for tenant in ["a", "closed", "d"] {
        let hourly = "0 * * * * UTC".parse().unwrap();
        let (of, job) = ("hourly".parse().unwrap(), Say(tenant.into()));
        let schedule = Schedule::new(name(tenant), of, hourly, crate::QueueName::default(), &job).unwrap();
        scheduler.put(&schedule).await.unwrap();
    }
    clock.advance(scheduler.fire().await.unwrap().unwrap());
    scheduler.fire().await.unwrap();
    assert_eq!(said(&claim(store, 9).await), "a d");
    assert!(scheduler.fire().await.unwrap().unwrap() > Duration::from_mins(59), "it had its turn");
}

/// A tenant that is purged has no schedule any more; another keeps its own.
pub async fn schedules_go_with_their_tenant<S: ScheduleStore + Purge + Clone>(
    store: &S,
    clock: &ManualClock,
) {
    let scheduler = Scheduler::new(store.clone()).with_clock(Arc::new(clock.clone()));
    for tenant in ["a", "b"] {
        let (of, hourly) = ("hourly".parse().unwrap(), "0 * * * * UTC".parse().unwrap());
        let job = Say(tenant.into());
        let schedule = Schedule::new(name(tenant), of, hourly, crate::QueueName::default(), &job).unwrap();
        scheduler.put(&schedule).await.unwrap();
    }
    assert_eq!(store.purge(&scope("a").await, &TEST, 9).await.unwrap(), 0);
    let left = store.soonest_schedules_any_tenant(9).await.unwrap();
    assert_eq!(left.into_iter().map(|due| due.schedule.namespace).collect::<Vec<_>>(), [name("b")]);
}

/// Each time of a schedule is enqueued once, however many replicas look; times at which nobody was there once or not at all.
pub async fn schedules_fire_once<S: JobStore + ScheduleStore + Clone>(store: &S, clock: &ManualClock) {
    let scheduler = Scheduler::new(store.clone()).with_clock(Arc::new(clock.clone()));
    let schedule = |tenant: &str, of: &str| {
        let (name, job) = (of.parse().unwrap(), Say(of.into()));
        let hourly = "0 * * * * UTC".parse().unwrap();
        Schedule::new(self::name(tenant), name, hourly, crate::QueueName::default(), &job).unwrap()
    };
    assert_eq!(scheduler.fire().await.unwrap(), None);
    let (once, skip) = (schedule("a", "once"), schedule("b", "skip").with_missed(Missed::Skip));
    for _ in 0..2 {
        scheduler.put(&once).await.unwrap();
        scheduler.put(&skip).await.unwrap();
    }
    let wait = scheduler.fire().await.unwrap().unwrap();
    assert!(wait > Duration::ZERO && wait <= Duration::from_hours(1));
    assert!(claim(store, 9).await.is_empty());
    clock.advance(wait);
    let several = [(); 4].map(|()| {
        let scheduler = scheduler.clone();
        tokio::spawn(async move { scheduler.fire().await })
    });
    for one in several {
        // who is later finds that it was done, or that a row was just being changed
        let _ = one.await.unwrap();
    }
    let claimed = claim(store, 9).await;
    assert_eq!(said(&claimed), "once skip");
    clock.advance(Duration::from_hours(1));
    scheduler.fire().await.unwrap();
    assert!(claim(store, 9).await.is_empty(), "the ones before still run");
    for claimed in &claimed {
        settle(store, &claimed.claim, DONE).await;
    }
    clock.advance(Duration::from_mins(150));
    scheduler.fire().await.unwrap();
    assert_eq!(said(&claim(store, 9).await), "once", "of those that were missed");
    let wait = scheduler.fire().await.unwrap().unwrap();
    assert!(wait <= Duration::from_hours(1), "{wait:?} at {:?}", clock.now());
    scheduler.remove(&name("a"), &"once".parse().unwrap()).await.unwrap();
    scheduler.put(&skip.clone().with_jitter_seconds(600)).await.unwrap();
    let later = scheduler.fire().await.unwrap().unwrap();
    assert!(later > wait && later < wait + Duration::from_mins(10), "{later:?} and not {wait:?}");
    clock.advance(later);
    scheduler.fire().await.unwrap();
    assert_eq!(said(&claim(store, 9).await), "skip");
    assert_eq!(store.list(&scope("a").await, &JobQuery::default()).await.unwrap().len(), 2);
}
