use std::{
    future::{pending, ready},
    sync::{Arc, Mutex},
};

use super::*;

const LIMIT: Duration = Duration::from_secs(10);

/// What happened, and when.
#[derive(Clone, Debug)]
struct Log(Arc<Mutex<Vec<(u64, &'static str)>>>, Instant);

impl Log {
    fn new() -> Self {
        Self(Arc::default(), Instant::now())
    }

    fn add(&self, what: &'static str) {
        self.0.lock().unwrap().push((self.1.elapsed().as_secs(), what));
    }

    fn step(&self, what: &'static str, seconds: u64) -> impl Future<Output = ()> + Send + 'static {
        let log = self.clone();
        async move {
            log.add(what);
            sleep(Duration::from_secs(seconds)).await;
        }
    }

    fn all(&self) -> Vec<(u64, &'static str)> {
        self.0.lock().unwrap().clone()
    }
}

fn ends(report: &ShutdownReport) -> Vec<(&'static str, StepEnd, u64)> {
    report.steps.iter().map(|step| (step.name, step.end, step.took.as_secs())).collect()
}

#[tokio::test(start_paused = true)]
async fn phases_come_in_their_order_whatever_the_steps_were_named_in() {
    let (log, drain) = (Log::new(), Drain::new());
    let shutdown = Shutdown::new(drain.clone(), Duration::from_secs(5))
        .with_step(Phase::Close, "database", LIMIT, log.step("database", 1))
        .with_step(Phase::Flush, "audit", LIMIT, log.step("audit", 1))
        .with_step(Phase::ReleaseLeases, "leases", LIMIT, log.step("leases", 1))
        .with_step(Phase::CancelWork, "jobs", LIMIT, log.step("jobs", 1))
        .with_step(Phase::CancelWork, "refreshes", LIMIT, log.step("refreshes", 2))
        .with_step(Phase::Drain, "requests", LIMIT, log.step("requests", 3));
    assert_eq!(shutdown.longest(), Duration::from_secs(55));
    let told = {
        let (log, drain) = (log.clone(), drain.clone());
        async move {
            assert!(!drain.has_begun());
            log.step("told", 7).await;
        }
    };
    let (report, ()) =
        tokio::join!(shutdown.run_when(told, pending()), drain.begun().map(|()| log.add("not ready")));
    assert!(report.is_clean(), "{report:?}");
    let expected = [
        (0, "told"),
        (7, "not ready"),
        (12, "requests"),
        (15, "jobs"),
        (15, "refreshes"),
        (17, "leases"),
        (18, "audit"),
        (19, "database"),
    ];
    assert_eq!(log.all(), expected);
}

#[tokio::test(start_paused = true)]
async fn what_hangs_or_panics_does_not_keep_the_rest_from_being_done() {
    let log = Log::new();
    let shutdown = Shutdown::new(Drain::new(), Duration::ZERO)
        .with_step(Phase::Drain, "requests", LIMIT, pending())
        .with_step(Phase::CancelWork, "jobs", LIMIT, async { panic!("as told") })
        .with_step(Phase::Close, "database", LIMIT, log.step("database", 1));
    let report = shutdown.run_when(ready(()), pending()).await;
    assert!(!report.is_clean() && !report.is_forced);
    let expected = [
        ("requests", StepEnd::OutOfTime, 10),
        ("jobs", StepEnd::Panicked, 0),
        ("database", StepEnd::Done, 1),
    ];
    assert_eq!(ends(&report), expected);
    assert_eq!(log.all(), [(10, "database")]);
}

#[tokio::test(start_paused = true)]
async fn a_second_signal_forces_the_end_at_once() {
    let log = Log::new();
    let shutdown = Shutdown::new(Drain::new(), Duration::from_secs(5))
        .with_step(Phase::Drain, "requests", LIMIT, pending())
        .with_step(Phase::Close, "database", LIMIT, log.step("database", 1));
    let report = shutdown.run_when(ready(()), sleep(Duration::from_secs(7))).await;
    assert_eq!(log.1.elapsed(), Duration::from_secs(7));
    assert!(report.is_forced && !report.is_clean());
    assert_eq!(ends(&report), [("requests", StepEnd::Forced, 2), ("database", StepEnd::Skipped, 0)]);
    assert!(log.all().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_delay_can_be_forced_too() {
    let begun = Instant::now();
    let shutdown = Shutdown::new(Drain::new(), LIMIT).with_step(Phase::Drain, "requests", LIMIT, async {});
    let report = shutdown.run_when(ready(()), sleep(Duration::from_secs(1))).await;
    assert_eq!((report.is_forced, begun.elapsed()), (true, Duration::from_secs(1)));
}
