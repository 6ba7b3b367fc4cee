//! What is to be done.

use serde::{Serialize, de::DeserializeOwned};

use crate::name::{JobKind, JobNameError};

/// A sort of job: its type is what it needs to know, kept as JSON.
///
/// What is stored outlives the program that stored it: later versions must read what earlier ones wrote, so fields are added with
/// `#[serde(default)]` and never change their meaning.
pub trait Job: Serialize + DeserializeOwned + Send + 'static {
    /// What it is called. See [`JobKind`] for the shape.
    const KIND: &'static str;

    /// The kind, checked.
    ///
    /// # Errors
    /// [`JobNameError`] if [`KIND`](Self::KIND) is no name.
    fn kind() -> Result<JobKind, JobNameError> {
        JobKind::new(Self::KIND)
    }
}
