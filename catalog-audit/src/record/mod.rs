mod future;
mod layer;
mod service;

pub use self::{future::ResponseFuture, layer::RecordAuditLayer, service::RecordAudit};
