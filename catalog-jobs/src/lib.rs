#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod allot;
mod claim;
mod error;
mod gate;
#[cfg(feature = "axum")]
pub mod http;
mod job;
mod lease;
mod limit;
mod name;
mod new_job;
mod record;
mod refresh;
mod retention;
mod retry;
#[cfg(feature = "schedules")]
pub mod schedule;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod wake;
pub mod worker;

pub use self::{
    allot::Rotation,
    claim::{Beat, Claim, ClaimBatch, ClaimRequest, Claimed, Outcome, Reaped, Renewed, Settlement},
    error::{JobError, JobErrorKind},
    gate::{Gate, GateError},
    job::Job,
    lease::{Lease, Writing},
    limit::Limits,
    name::{JobKind, JobNameError, LimitKey, QueueName, ScheduleName},
    new_job::{Debounce, Due, Enqueued, IDEMPOTENT, InvalidJob, MAX_ATTEMPTS, MAX_KEY, MAX_PAYLOAD, NewJob},
    record::{Cancel, JobQuery, JobRecord, JobState, Progress, Retried},
    refresh::{RefreshQueue, RefreshSource},
    retention::{Retention, RetentionTask},
    retry::RetryPolicy,
    wake::Wakes,
    worker::{Attempt, JobContext, Worker, WorkerConfig},
};
