//! What filters and orders mean, worked out from documents: written anew from the contract, so that a fault of the server's own
//! evaluation does not repeat itself here.

mod condition;
mod like;
mod value;

pub(super) use self::{
    condition::{Condition, Operator, Test},
    value::{Cell, cell, rank, samples, sort_key},
};
