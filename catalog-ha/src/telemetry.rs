//! What is measured of an election, each by its `lease`. Without a recorder it costs nothing.
//!
//! | metric | what |
//! |---|---|
//! | `catalog_ha_leader` | 1 while this process leads, else 0 |
//! | `catalog_ha_transitions_total` | how often it began or ceased to lead; `to` is `leading` or `standby` |
//! | `catalog_ha_renew_duration_seconds` | histogram of what the store took to take or renew the lease |
//! | `catalog_ha_failures_total` | what the stores refused or did not answer; `operation` is `read`, `claim`, `raise` or `release`. A race that another candidate won is none |
//! | `catalog_ha_last_renewal_age_seconds` | while it holds the lease, how long ago the last renewal that worked was sent; else 0 |

use std::time::Duration;

use crate::lease::LeaseName;

pub(crate) fn leader(lease: &LeaseName, leads: bool) {
    metrics::gauge!("catalog_ha_leader", "lease" => lease.to_string()).set(if leads { 1.0 } else { 0.0 });
}

pub(crate) fn transition(lease: &LeaseName, leads: bool) {
    let to = if leads { "leading" } else { "standby" };
    metrics::counter!("catalog_ha_transitions_total", "lease" => lease.to_string(), "to" => to).increment(1);
}

pub(crate) fn renewed(lease: &LeaseName, took: Duration) {
    metrics::histogram!("catalog_ha_renew_duration_seconds", "lease" => lease.to_string())
        .record(took.as_secs_f64());
}

pub(crate) fn failed(lease: &LeaseName, operation: &'static str) {
    metrics::counter!("catalog_ha_failures_total", "lease" => lease.to_string(), "operation" => operation)
        .increment(1);
}

pub(crate) fn last_renewal(lease: &LeaseName, age: Option<Duration>) {
    metrics::gauge!("catalog_ha_last_renewal_age_seconds", "lease" => lease.to_string())
        .set(age.unwrap_or_default().as_secs_f64());
}
