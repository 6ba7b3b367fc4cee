//! The OpenAPI document, made of the declared routes and the plugins' schemas.

mod document;
mod parameter;
mod shape;
mod shapes;

pub(super) use self::{
    document::document,
    shapes::{common_shapes, entity_shape_name, entity_shapes},
};
pub use self::{
    parameter::Parameter,
    shape::{Reply, Shape},
};
