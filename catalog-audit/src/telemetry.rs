//! What is counted.
//!
//! | metric | what |
//! |---|---|
//! | `catalog_audit_append_duration_seconds` | histogram of what a request waited for its event; `outcome` is `ok` or `error` |
//! | `catalog_audit_batch_size` | histogram of the records that were written at once |
//! | `catalog_audit_dropped_total` | events that were lost, which only best effort allows |
//! | `catalog_audit_refused_total` | requests that were answered 503, since they could not be recorded |
//! | `catalog_audit_sealed_total` | events that were sealed |
//! | `catalog_audit_unsealed_age_seconds` | for how long the oldest event has waited to be sealed |
//! | `catalog_audit_expired_total` | events that were removed for their age |
//! | `catalog_audit_exported_total` | events that a `sink` has taken |
//! | `catalog_audit_sink_lag_seconds` | the age of the oldest event that a `sink` has not had |
//! | `catalog_audit_sink_parked` | 1 while a `sink` refuses an event |
//! | `catalog_audit_orphans_total` | requests that were cut off, and are told as unknown |

use std::time::Duration;

pub(crate) fn appended(took: Duration, ok: bool) {
    let outcome = if ok { "ok" } else { "error" };
    metrics::histogram!("catalog_audit_append_duration_seconds", "outcome" => outcome)
        .record(took.as_secs_f64());
}

#[expect(clippy::cast_precision_loss, reason = "a batch is small")]
pub(crate) fn batch(size: usize) {
    metrics::histogram!("catalog_audit_batch_size").record(size as f64);
}

pub(crate) fn dropped(events: u64) {
    metrics::counter!("catalog_audit_dropped_total").increment(events);
}

pub(crate) fn refused() {
    metrics::counter!("catalog_audit_refused_total").increment(1);
}

pub(crate) fn swept(orphans: usize) {
    metrics::counter!("catalog_audit_orphans_total").increment(orphans as u64);
}

pub(crate) fn sealed(events: usize) {
    metrics::counter!("catalog_audit_sealed_total").increment(events as u64);
}

pub(crate) fn expired(events: usize) {
    metrics::counter!("catalog_audit_expired_total").increment(events as u64);
}

#[cfg(feature = "sinks")]
pub(crate) fn exported(sink: &str, events: usize) {
    metrics::counter!("catalog_audit_exported_total", "sink" => sink.to_owned()).increment(events as u64);
}

#[cfg(feature = "sinks")]
pub(crate) fn lag(sink: &str, age: Duration, parked: bool) {
    metrics::gauge!("catalog_audit_sink_lag_seconds", "sink" => sink.to_owned()).set(age.as_secs_f64());
    let parked = if parked { 1.0 } else { 0.0 };
    metrics::gauge!("catalog_audit_sink_parked", "sink" => sink.to_owned()).set(parked);
}

pub(crate) fn unsealed(age: Duration) {
    metrics::gauge!("catalog_audit_unsealed_age_seconds").set(age.as_secs_f64());
}
