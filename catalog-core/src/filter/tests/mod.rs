//! What the language means, and that every engine means the same.

mod cases;
mod laws;
mod random;
mod refusals;
mod sample;
#[cfg(feature = "sqlite")]
mod sqlite;
mod statements;
