//! Who asks.

mod anonymous;
mod future;

pub use self::{
    anonymous::{Anonymous, AnonymousLayer},
    future::ResponseFuture,
};
