//! Tenancy on axum: the route that lists tenants, and what handlers take out of a request.

mod extract;
mod namespaces;

pub use catalog_core::http::Scope;

pub use self::{
    extract::Tenant,
    namespaces::{Namespaces, TenancyMode},
};
