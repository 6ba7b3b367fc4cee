/// What a policy says to a question. It never forbids: what it does not allow, another authorizer may.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub enum Verdict {
    /// A rule allows it; [`explain`](super::Snapshot::explain) tells which.
    Allow,
    /// No rule does.
    NoOpinion {
        /// A binding that names the caller refers to a role that is not there, and so might have.
        unresolved: bool,
    },
}

impl Verdict {
    /// Whether it is a yes.
    pub fn is_allowed(self) -> bool {
        self == Self::Allow
    }
}
