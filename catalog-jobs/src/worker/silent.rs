//! What is done where nothing is measured.

use std::time::Duration;

use crate::{
    claim::{Claimed, Outcome, Reaped},
    name::QueueName,
    store::Depth,
};

pub(super) const MEASURED: bool = false;

pub(super) fn claimed(_: &QueueName, _: usize) {}

pub(super) fn started(_: &QueueName, _: &Claimed) {}

pub(super) fn took(_: &QueueName, _: Duration) {}

pub(super) fn ended(_: &Outcome) {}

pub(super) fn lease_lost() {}

pub(super) fn reaped(_: Reaped) {}

pub(super) fn depth(_: &QueueName, _: Depth) {}
