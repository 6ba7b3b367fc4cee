#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod audit;
mod config;
mod digest;
pub mod event;
mod gate;
#[cfg(feature = "axum")]
pub mod http;
mod prepare;
mod record;
mod recorder;
mod retention;
pub mod seal;
#[cfg(feature = "sinks")]
pub mod sink;
pub mod store;
mod sweeper;
#[cfg(feature = "metrics")]
mod telemetry;
#[cfg(not(feature = "metrics"))]
#[path = "silent.rs"]
mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
mod text;
mod writer;

pub use self::{
    audit::Audit,
    config::{AuditConfig, Guarantee, WriterConfig},
    event::Event,
    prepare::{PrepareAudit, PrepareAuditLayer},
    record::{AuditedBody, RecordAudit, RecordAuditLayer, ResponseFuture},
    recorder::AuditRecorder,
    retention::{Retention, RetentionConfig},
    sweeper::IntentSweeper,
    writer::AuditWriter,
};
