//! Whether requests may be sent to a process.

mod check;
mod component;
mod report;

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use futures_util::{FutureExt, future::join_all};

use self::check::Check;
pub use self::{
    component::{Component, State},
    report::ReadinessReport,
};
use crate::Drain;

/// What must work for a process to be sent requests. Cheap to clone; clones share the answers.
#[derive(Clone)]
pub struct Readiness {
    drain: Drain,
    checks: Vec<Arc<Check>>,
    ttl: Duration,
    limit: Duration,
}

/// The name under which is told that the process is about to leave.
const SHUTDOWN: &str = "shutdown";

impl Readiness {
    /// Nothing but that the process is not about to leave. A check may take 2 s, and its answer is good for 1 s, or for 0.1 s
    /// if it is another than `ok`.
    pub fn new(drain: Drain) -> Self {
        Self { drain, checks: Vec::new(), ttl: Duration::from_secs(1), limit: Duration::from_secs(2) }
    }

    /// With one component more.
    #[must_use]
    pub fn with_check<C, F>(mut self, name: &'static str, check: C) -> Self
    where
        C: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Component> + Send + 'static,
    {
        self.checks.push(Arc::new(Check::new(name, move || check().boxed())));
        self
    }

    /// For how long an answer is good that is `ok`; any other is for a tenth of that, so that who has become ready is found to be so
    /// soon. Zero asks each time, though never twice at once.
    #[must_use]
    pub fn with_ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// How long a check may take until it has failed. What asks from outside should wait longer than that.
    #[must_use]
    pub fn with_limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Asks all components, side by side, each of them once however many ask. One that does not answer in time, or panics, has failed. It
    /// is to be called on a tokio runtime.
    pub async fn report(&self) -> ReadinessReport {
        let asked =
            self.checks.iter().map(|check| async { (check.name, check.ask(self.ttl, self.limit).await) });
        let mut components: BTreeMap<&'static str, Component> = join_all(asked).await.into_iter().collect();
        if self.drain.has_begun() {
            components.insert(SHUTDOWN, self.shutdown());
        }
        ReadinessReport { components }
    }

    /// Asks one component alone, or `shutdown`; none if there is none of that name.
    pub async fn report_of(&self, name: &str) -> Option<ReadinessReport> {
        let (name, component) = match self.checks.iter().find(|check| check.name == name) {
            Some(check) => (check.name, check.ask(self.ttl, self.limit).await),
            None if name == SHUTDOWN => (SHUTDOWN, self.shutdown()),
            None => return None,
        };
        Some(ReadinessReport { components: BTreeMap::from([(name, component)]) })
    }

    fn shutdown(&self) -> Component {
        if self.drain.has_begun() {
            Component::failed("the process is about to leave")
        } else {
            Component::ok()
        }
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.checks.iter().map(|check| check.name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::{
        sync::Notify,
        time::{Instant, advance},
    };

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_hangs_or_panics_has_failed_and_the_rest_is_told() {
        let readiness = Readiness::new(Drain::new())
            .with_check("fine", || async { Component::ok() })
            .with_check("hangs", std::future::pending)
            .with_check("panics", || async { panic!("as told") });
        let begun = Instant::now();
        let report = readiness.report().await;
        let states: Vec<State> = report.components.values().map(|component| component.status).collect();
        assert_eq!(states, [State::Ok, State::Failed, State::Failed]);
        assert!(!report.is_ready());
        assert_eq!(begun.elapsed(), Duration::from_secs(2));
    }

    /// A check that counts how often it is asked, and answers when it is told to.
    fn counted(readiness: Readiness) -> (Readiness, Arc<AtomicUsize>, Arc<Notify>) {
        let (asked, told) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let readiness = readiness.with_check("counted", {
            let (asked, told) = (Arc::clone(&asked), Arc::clone(&told));
            move || {
                asked.fetch_add(1, Ordering::SeqCst);
                let told = Arc::clone(&told);
                async move {
                    told.notified().await;
                    Component::ok()
                }
            }
        });
        (readiness, asked, told)
    }

    #[tokio::test(start_paused = true)]
    async fn many_ask_and_one_run_answers_them_all_for_its_time() {
        let (readiness, asked, told) = counted(Readiness::new(Drain::new()));
        let many = (0..100).map(|_| readiness.report());
        let ((), reports) = tokio::join!(
            async {
                tokio::task::yield_now().await;
                told.notify_one();
            },
            join_all(many)
        );
        assert!(reports.iter().all(ReadinessReport::is_ready));
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        advance(Duration::from_millis(999)).await;
        assert!(readiness.report_of("counted").await.unwrap().is_ready());
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        advance(Duration::from_millis(1)).await;
        told.notify_one();
        assert!(readiness.report().await.is_ready());
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_failed_is_asked_again_sooner() {
        let asked = Arc::new(AtomicUsize::new(0));
        let readiness = Readiness::new(Drain::new()).with_check("begins", {
            let asked = Arc::clone(&asked);
            move || {
                let is_first = asked.fetch_add(1, Ordering::SeqCst) == 0;
                async move { if is_first { Component::failed("begins") } else { Component::ok() } }
            }
        });
        assert!(!readiness.report().await.is_ready());
        advance(Duration::from_millis(99)).await;
        assert!(!readiness.report().await.is_ready());
        advance(Duration::from_millis(1)).await;
        assert!(readiness.report().await.is_ready());
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_stops_waiting_leaves_the_answer_to_the_next() {
        let (readiness, asked, told) = counted(Readiness::new(Drain::new()));
        let impatient = tokio::time::timeout(Duration::from_millis(1), readiness.report()).await;
        assert!(impatient.is_err());
        told.notify_one();
        assert!(readiness.report().await.is_ready());
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn one_component_is_asked_alone() {
        let (readiness, asked, _) = counted(Readiness::new(Drain::new()));
        let readiness = readiness.with_check("fine", || async { Component::degraded("a little") });
        let report = readiness.report_of("fine").await.unwrap();
        assert!(report.is_ready());
        assert_eq!(report.components.into_keys().collect::<Vec<_>>(), ["fine"]);
        assert_eq!(asked.load(Ordering::SeqCst), 0);
        assert_eq!(readiness.report_of("other").await, None);
    }

    #[tokio::test]
    async fn a_process_about_to_leave_is_not_ready() {
        let drain = Drain::new();
        let readiness =
            Readiness::new(drain.clone()).with_check("fine", || async { Component::degraded("a little") });
        assert!(readiness.report().await.is_ready());
        assert!(readiness.report_of("shutdown").await.unwrap().is_ready());
        drain.begin();
        assert!(!readiness.report().await.is_ready());
        assert!(!readiness.report_of("shutdown").await.unwrap().is_ready());
        assert!(readiness.report_of("fine").await.unwrap().is_ready());
    }
}
