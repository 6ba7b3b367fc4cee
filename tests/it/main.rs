//! What must hold across the crates.

mod conformance;
mod isolation;
mod matrix;
mod problems;
