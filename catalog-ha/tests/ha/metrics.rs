//! What is measured of an election.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use catalog_ha::lease::LeaseErrorKind;
use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};
use tokio::time::sleep;

use crate::fixture::{Fault, Place};

/// The values of gauges, the sums of counters and how often histograms were recorded to.
#[derive(Clone, Debug, Default)]
struct Noted(Arc<Mutex<BTreeMap<String, f64>>>);

#[derive(Debug)]
struct Series(Noted, String);

impl Noted {
    fn series(&self, key: &Key) -> Arc<Series> {
        let labels =
            key.labels().filter(|label| label.key() != "lease").map(|label| format!(" {}", label.value()));
        Arc::new(Series(self.clone(), format!("{}{}", key.name(), labels.collect::<String>())))
    }

    fn of(&self, metric: &str) -> f64 {
        self.0.lock().unwrap().get(&format!("catalog_ha_{metric}")).copied().unwrap_or(0.0)
    }
}

impl Series {
    fn change(&self, to: impl Fn(f64) -> f64) {
        let mut values = self.0.0.lock().unwrap();
        let value = values.entry(self.1.clone()).or_default();
        *value = to(*value);
    }
}

impl CounterFn for Series {
    fn increment(&self, by: u64) {
        self.change(|value| value + f64::from(u32::try_from(by).unwrap()));
    }

    fn absolute(&self, _: u64) {
        panic!("counters only rise");
    }
}

impl GaugeFn for Series {
    fn increment(&self, by: f64) {
        self.change(|value| value + by);
    }

    fn decrement(&self, by: f64) {
        self.change(|value| value - by);
    }

    fn set(&self, to: f64) {
        self.change(|_| to);
    }
}

impl HistogramFn for Series {
    fn record(&self, seconds: f64) {
        assert!(seconds >= 0.0);
        self.change(|value| value + 1.0);
    }
}

impl Recorder for Noted {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.series(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.series(key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.series(key))
    }
}

#[tokio::test(start_paused = true)]
async fn an_election_is_measured() {
    let noted = Noted::default();
    let _recording = metrics::set_default_local_recorder(&noted);
    let place = Place::default();
    let candidate = place.candidate("a");
    let term = place.terms.nth(1).await;
    sleep(Duration::from_secs(9)).await;
    assert_eq!((noted.of("leader"), noted.of("transitions_total leading")), (1.0, 1.0));
    assert!((4.5..5.5).contains(&noted.of("renew_duration_seconds")), "the claim, and a renewal every 2 s");
    assert!(noted.of("failures_total claim") < 0.5);
    assert!(noted.of("last_renewal_age_seconds") <= 2.0);

    candidate.link.set(Fault::Fails(LeaseErrorKind::Unavailable, None));
    sleep(Duration::from_millis(8_500)).await;
    assert!(noted.of("leader") > 0.5);
    assert!(noted.of("failures_total claim") >= 3.0);
    let age = noted.of("last_renewal_age_seconds");
    assert!((6.0..10.0).contains(&age), "{age} s");

    term.guard.cancelled().await;
    sleep(Duration::from_secs(3)).await;
    assert_eq!((noted.of("leader"), noted.of("transitions_total standby")), (0.0, 1.0));
    assert!(noted.of("last_renewal_age_seconds").abs() < 1e-9);
    assert!(noted.of("failures_total read") >= 1.0);

    candidate.link.set(Fault::None);
    place.terms.nth(2).await;
    candidate.stop.cancel();
    candidate.running.await.unwrap().unwrap();
    assert_eq!((noted.of("transitions_total leading"), noted.of("transitions_total standby")), (2.0, 2.0));
    assert_eq!((noted.of("leader"), noted.of("failures_total release")), (0.0, 0.0));
}
