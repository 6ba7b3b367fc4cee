#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod digest;
pub mod event;
mod recorder;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod text;

pub use self::{event::Event, recorder::AuditRecorder};
