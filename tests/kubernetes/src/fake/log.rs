//! What the fake was asked.

use super::fault::Subject;
use super::request::Call;

/// A request that the fake received, whatever became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Seen {
    /// The HTTP method.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The parameters in their order.
    pub query: Vec<(String, String)>,
    /// What it was about.
    pub subject: Subject,
}

impl Seen {
    pub(super) fn new(call: &Call, subject: Subject) -> Self {
        Self { method: call.method.to_string(), path: call.path.clone(), query: call.query.clone(), subject }
    }
}
