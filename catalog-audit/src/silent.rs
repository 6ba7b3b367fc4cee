//! What is done where nothing is counted.

use std::time::Duration;

pub(crate) fn appended(_: Duration, _: bool) {}

pub(crate) fn batch(_: usize) {}

pub(crate) fn dropped(_: u64) {}

pub(crate) fn refused() {}

pub(crate) fn swept(_: usize) {}

pub(crate) fn sealed(_: usize) {}

pub(crate) fn expired(_: usize) {}

#[cfg(feature = "sinks")]
pub(crate) fn exported(_: &str, _: usize) {}

#[cfg(feature = "sinks")]
pub(crate) fn lag(_: &str, _: Duration, _: bool) {}

pub(crate) fn unsealed(_: Duration) {}
