//! Who asks.

mod anonymous;

pub use catalog_core::future::ResponseFuture;

pub use self::anonymous::{Anonymous, AnonymousLayer};
