//! Singleton tasks under leases.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use catalog_ha::{
    State,
    elector::{ElectorConfig, LeaderGuard, Role, WorkError},
    fence::MemoryFenceStore,
    lease::{LeaseName, MemoryLeaseStore},
    singleton::{SingletonTask, SingletonTasks},
};
use tokio::{sync::Semaphore, time::sleep};
use tokio_util::sync::CancellationToken;

/// Counts how often it was begun, and how many of it run at once.
struct Counting {
    begun: Arc<AtomicUsize>,
    alone: Arc<Semaphore>,
    then: Then,
}

#[derive(Clone, Copy)]
enum Then {
    Waits,
    Fails,
    Panics,
    Ends,
}

#[async_trait]
impl SingletonTask for Counting {
    fn name(&self) -> &'static str {
        "counting"
    }

    async fn run(&self, guard: &LeaderGuard) -> Result<(), WorkError> {
        let _alone = self.alone.try_acquire().unwrap();
        self.begun.fetch_add(1, Ordering::SeqCst);
        match self.then {
            Then::Waits => guard.cancelled().await,
            Then::Ends => {}
            Then::Fails => {
                sleep(Duration::from_millis(100)).await;
                return Err("as told".into());
            }
            Then::Panics => {
                sleep(Duration::from_secs(3)).await;
                panic!("as told");
            }
        }
        Ok(())
    }
}

/// A task that all replicas of a test have.
#[derive(Clone)]
struct Shared {
    lease: LeaseName,
    begun: Arc<AtomicUsize>,
    alone: Arc<Semaphore>,
    then: Then,
}

impl Shared {
    fn new(lease: &str, then: Then) -> Self {
        let (begun, alone) = (Arc::default(), Arc::new(Semaphore::new(1)));
        Self { lease: lease.parse().unwrap(), begun, alone, then }
    }

    fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }
}

fn replica(
    who: &str,
    leases: &MemoryLeaseStore,
    fences: &MemoryFenceStore,
    tasks: &[&Shared],
) -> SingletonTasks<MemoryLeaseStore, MemoryFenceStore> {
    let config = ElectorConfig::default();
    let none = SingletonTasks::new(leases.clone(), fences.clone(), who, config).unwrap();
    tasks.iter().fold(none, |tasks, shared| {
        let Shared { lease, begun, alone, then } = (*shared).clone();
        tasks.with_task(&lease, Counting { begun, alone, then }).unwrap()
    })
}

#[tokio::test(start_paused = true)]
async fn each_task_runs_on_one_replica_and_moves_when_that_leaves() {
    let (leases, fences) = (MemoryLeaseStore::new(), MemoryFenceStore::new());
    let tasks = [Shared::new("a", Then::Waits), Shared::new("b", Then::Ends), Shared::new("b", Then::Waits)];
    let tasks_of = [&tasks[0], &tasks[1], &tasks[2]];
    let (one, two) =
        (replica("one", &leases, &fences, &tasks_of), replica("two", &leases, &fences, &tasks_of));
    let leadership = [one.leadership(), two.leadership()];
    assert_eq!(leadership[0].statuses().len(), 2, "one for each lease");
    let stops = [CancellationToken::new(), CancellationToken::new()];
    let first = tokio::spawn({
        let stop = stops[0].clone();
        async move { one.run(&stop).await }
    });
    sleep(Duration::from_secs(1)).await;
    let second = tokio::spawn({
        let stop = stops[1].clone();
        async move { two.run(&stop).await }
    });
    sleep(Duration::from_mins(2)).await;
    assert_eq!(tasks.each_ref().map(Shared::begun), [1, 1, 1]);
    assert_eq!(leadership[0].component().status, State::Ok);
    assert!(leadership[1].statuses().iter().all(|(_, status)| status.role == Role::Standby));
    stops[0].cancel();
    first.await.unwrap().unwrap();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(tasks.each_ref().map(Shared::begun), [2, 2, 2]);
    stops[1].cancel();
    second.await.unwrap().unwrap();
    assert_eq!(tasks[0].alone.available_permits(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_fails_is_begun_anew_ever_later_by_the_same_leader() {
    let (leases, fences) = (MemoryLeaseStore::new(), MemoryFenceStore::new());
    let tasks = [Shared::new("a", Then::Fails), Shared::new("a", Then::Waits)];
    let one = replica("one", &leases, &fences, &[&tasks[0], &tasks[1]]);
    let leadership = one.leadership();
    let stop = CancellationToken::new();
    let running = tokio::spawn({
        let stop = stop.clone();
        async move { one.run(&stop).await }
    });
    sleep(Duration::from_secs(16)).await;
    // after 1, 2, 4 and 8 s
    assert_eq!(tasks.each_ref().map(Shared::begun), [5, 1]);
    assert_eq!(leadership.statuses()[0].1.token.unwrap().number, 1);
    stop.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_task_that_panics_gives_its_lease_up_and_no_other() {
    let (leases, fences) = (MemoryLeaseStore::new(), MemoryFenceStore::new());
    let tasks =
        [Shared::new("a", Then::Panics), Shared::new("a", Then::Waits), Shared::new("b", Then::Waits)];
    let one = replica("one", &leases, &fences, &[&tasks[0], &tasks[1], &tasks[2]]);
    let leadership = one.leadership();
    let stop = CancellationToken::new();
    let running = tokio::spawn({
        let stop = stop.clone();
        async move { one.run(&stop).await }
    });
    sleep(Duration::from_secs(4)).await;
    let component = leadership.component();
    assert_eq!(component.status, State::Degraded);
    assert!(component.details["a"].detail.as_ref().unwrap().contains("panicked"));
    sleep(Duration::from_secs(3)).await;
    assert_eq!(tasks.each_ref().map(Shared::begun), [2, 2, 1]);
    stop.cancel();
    running.await.unwrap().unwrap();
}
