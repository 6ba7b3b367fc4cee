//! An authorizer that is timed and has a deadline.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use catalog_core::authorizer::{Attributes, Authorizer};
use catalog_rbac::{TimedAuthorizer, UnionAuthorizer};
use metrics::{
    Counter, CounterFn, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};

use crate::fixture::{Says, Scripted, causes, decide, decide_now, list_assets, user};

/// Writes down what is counted and measured: the metric with its labels.
#[derive(Clone, Debug, Default)]
struct Noted(Arc<Mutex<Vec<String>>>);

#[derive(Debug)]
struct Series(Noted, String);

impl Noted {
    fn series(&self, key: &Key) -> Arc<Series> {
        let labels = key.labels().map(|label| format!(" {}={}", label.key(), label.value()));
        Arc::new(Series(self.clone(), format!("{}{}", key.name(), labels.collect::<String>())))
    }

    fn take(&self) -> Vec<String> {
        let mut noted = std::mem::take(&mut *self.0.lock().unwrap());
        noted.sort();
        noted
    }
}

impl Series {
    fn note(&self) {
        self.0.0.lock().unwrap().push(self.1.clone());
    }
}

impl CounterFn for Series {
    fn increment(&self, _: u64) {
        self.note();
    }

    fn absolute(&self, _: u64) {}
}

impl HistogramFn for Series {
    fn record(&self, seconds: f64) {
        assert!(seconds >= 0.0);
        self.note();
    }
}

impl Recorder for Noted {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.series(key))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.series(key))
    }
}

fn timed(says: Says) -> TimedAuthorizer<Scripted> {
    TimedAuthorizer::new("scripted", Scripted::new(says)).with_deadline(Duration::from_secs(1))
}

#[tokio::test(start_paused = true)]
async fn every_decision_is_counted_once_under_its_outcome() {
    let noted = Noted::default();
    let _recording = metrics::set_default_local_recorder(&noted);
    for (says, outcome) in [
        (Says::Allow, "allow"),
        (Says::Deny, "deny"),
        (Says::Nothing, "no_opinion"),
        (Says::Fails, "error"),
        (Says::Hangs, "timeout"),
    ] {
        let decided = decide(&timed(says), &user("jane"), &list_assets(), None).await;
        assert_eq!(decided.is_ok_and(|decision| decision.is_allowed()), outcome == "allow");
        let expected = |metric: &str| format!("{metric} authorizer=scripted decision={outcome}");
        let both =
            [expected("catalog_rbac_decision_duration_seconds"), expected("catalog_rbac_decisions_total")];
        assert_eq!(noted.take(), both);
        let known = decide_now(&timed(says), &user("jane"), &list_assets(), None);
        assert_eq!(noted.take(), if known.is_some() { both.to_vec() } else { Vec::new() });
    }
    timed(Says::Allow).visible(&user("jane"), &list_assets()).await.unwrap();
    timed(Says::Hangs).visible(&user("jane"), &list_assets()).await.unwrap_err();
    let visible =
        |outcome| format!("catalog_rbac_visible_duration_seconds authorizer=scripted decision={outcome}");
    assert_eq!(noted.take(), [visible("all"), visible("timeout")]);
}

#[tokio::test(start_paused = true)]
async fn a_member_that_hangs_is_an_error_in_time() {
    let before = tokio::time::Instant::now();
    let forbidding = UnionAuthorizer::new()
        .with_deny("slow", timed(Says::Hangs))
        .with_allow("yes", Scripted::new(Says::Allow));
    let error = decide(&forbidding, &user("jane"), &list_assets(), None).await.unwrap_err();
    assert!(causes(&error).contains("took longer than 1s"), "{}", causes(&error));
    let allowing =
        UnionAuthorizer::new().with_allow("slow", timed(Says::Hangs)).with_allow("yes", timed(Says::Allow));
    assert!(decide(&allowing, &user("jane"), &list_assets(), None).await.unwrap().is_allowed());
    let permission = list_assets();
    let attributes = Attributes::new(&permission, None, None);
    assert!(timed(Says::Hangs).explain(&user("jane"), attributes).await.is_err());
    assert_eq!(before.elapsed(), Duration::from_secs(3));
}
