use std::fmt;

/// What was read of a request's body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BodyRead {
    /// So many bytes.
    pub bytes: u64,
    /// The SHA-256 digest of those.
    pub sha256: [u8; 32],
    /// Whether they are all of it.
    pub is_whole: bool,
}

/// Knows what was read of a request's body, while it is read.
pub trait ReadBody: fmt::Debug + Send + Sync + 'static {
    /// What was read until now.
    fn so_far(&self) -> BodyRead;
}
