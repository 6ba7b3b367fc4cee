//! How much at once: a tenant's slow requests leave room for the others'.

mod config;
mod future;
mod gate;
mod layer;
mod permits;
mod service;

pub use self::{
    config::{BulkheadConfig, Weight},
    future::IsolateFuture,
    gate::{Busy, Permit},
    layer::IsolateTenantLayer,
    permits::Permits,
    service::IsolateTenant,
};
