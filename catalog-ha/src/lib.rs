#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod drain;
pub mod elector;
pub mod fence;
pub mod lease;
#[cfg(feature = "_sql")]
pub mod migrate;
#[cfg(feature = "axum")]
mod probe;
mod readiness;
mod shutdown;
mod signals;
pub mod singleton;
#[cfg(feature = "_sql")]
mod sql;
#[cfg(feature = "metrics")]
mod telemetry;
#[cfg(not(feature = "metrics"))]
#[path = "silent.rs"]
mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;

#[cfg(feature = "axum")]
pub use self::probe::probes;
#[cfg(feature = "_sql")]
pub use self::sql::MIGRATIONS;
pub use self::{
    drain::Drain,
    readiness::{Component, Readiness, ReadinessReport, State},
    shutdown::{Phase, Shutdown, ShutdownReport, StepEnd, StepReport},
    signals::{Signals, terminated},
};
