//! May they.

mod future;
mod layer;
mod service;

pub use self::{future::ResponseFuture, layer::AuthorizeLayer, service::Authorize};
