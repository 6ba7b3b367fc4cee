mod body;
mod future;
mod layer;
mod service;

pub use self::{body::AuditedBody, future::ResponseFuture, layer::RecordAuditLayer, service::RecordAudit};
