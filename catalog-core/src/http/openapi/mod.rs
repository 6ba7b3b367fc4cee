//! The OpenAPI document, made of the declared routes and the plugins' schemas.

mod document;
mod parameter;
mod reply;
mod shape;
mod shapes;

pub use self::{document::Security, parameter::Parameter, reply::Reply, shape::Shape};
pub(super) use self::{
    document::document,
    shapes::{common_shapes, entity_shape_name, entity_shapes},
};
