//! Nothing is measured.

use std::time::Duration;

use crate::lease::LeaseName;

pub(crate) fn leader(_: &LeaseName, _: bool) {}

pub(crate) fn transition(_: &LeaseName, _: bool) {}

pub(crate) fn renewed(_: &LeaseName, _: Duration) {}

pub(crate) fn failed(_: &LeaseName, _: &'static str) {}

pub(crate) fn last_renewal(_: &LeaseName, _: Option<Duration>) {}
