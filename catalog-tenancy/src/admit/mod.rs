//! Whether a tenant is there and may be worked in.

mod layer;
mod service;

pub use self::{layer::AdmitTenantLayer, service::AdmitTenant};
