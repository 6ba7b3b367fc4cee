//! SHA-256, over parts whose lengths count, so that no two lists of parts read alike.

use std::fmt::Write;

use aws_lc_rs::digest::{Context, SHA256};

/// A digest.
pub(crate) type Hash = [u8; 32];

/// The hash before the first.
pub(crate) const NONE: Hash = [0; 32];

/// The digest of those parts, for that use.
pub(crate) fn digest<'a>(purpose: &'a str, parts: impl IntoIterator<Item = &'a [u8]>) -> Hash {
    let mut context = Context::new(&SHA256);
    for part in std::iter::once(purpose.as_bytes()).chain(parts) {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let mut hash = NONE;
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

/// As people and programs write it.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // writing to a string cannot fail
        let _ = write!(text, "{byte:02x}");
        text
    })
}
