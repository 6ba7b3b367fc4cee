//! What must hold across the crates.

mod caches;
mod conformance;
mod isolation;
mod matrix;
mod problems;
