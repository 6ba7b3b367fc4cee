//! What must hold across the crates.

mod isolation;
mod matrix;
mod problems;
