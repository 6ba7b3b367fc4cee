//! What the language means, and that every engine means the same.

mod cases;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod engine;
mod laws;
mod random;
mod refusals;
pub(in crate::filter) mod sample;
mod statements;
