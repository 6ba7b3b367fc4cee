//! May they.

mod layer;
mod service;

pub use catalog_core::future::ResponseFuture;

pub use self::{layer::AuthorizeLayer, service::Authorize};
