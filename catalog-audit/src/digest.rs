//! SHA-256, over parts whose lengths count, so that no two lists of parts read alike.

use std::fmt::Write;

use aws_lc_rs::digest::SHA256;

/// A digest.
pub(crate) type Hash = [u8; 32];

/// The hash before the first.
pub(crate) const NONE: Hash = [0; 32];

/// So many bytes are digested without memory of their own.
const SHORT: usize = 1_024;

/// The digest of those parts, for that use.
pub(crate) fn digest(purpose: &str, parts: &[&[u8]]) -> Hash {
    let length = parts.iter().fold(8 + purpose.len(), |length, part| length + 8 + part.len());
    let mut gathered = [0; SHORT];
    let mut long;
    // in one piece, since to hand over each part by itself takes longer than to digest a usual event
    let gathered = if let Some(short) = gathered.get_mut(..length) {
        short
    } else {
        long = vec![0; length];
        &mut long[..]
    };
    let mut rest = &mut gathered[..];
    for part in std::iter::once(purpose.as_bytes()).chain(parts.iter().copied()) {
        for bytes in [&(part.len() as u64).to_be_bytes()[..], part] {
            // as long as all of them are together
            if let Some((place, after)) = std::mem::take(&mut rest).split_at_mut_checked(bytes.len()) {
                place.copy_from_slice(bytes);
                rest = after;
            }
        }
    }
    let mut hash = NONE;
    hash.copy_from_slice(aws_lc_rs::digest::digest(&SHA256, gathered).as_ref());
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

#[cfg(test)]
mod tests {
    use aws_lc_rs::digest::Context;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_part_counts_with_its_length(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..600), 0..5)) {
            let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
            let mut context = Context::new(&SHA256);
            for part in std::iter::once(&b"purpose"[..]).chain(parts.iter().copied()) {
                context.update(&(part.len() as u64).to_be_bytes());
                context.update(part);
            }
            let expected = context.finish();
            prop_assert_eq!(&digest("purpose", &parts)[..], expected.as_ref());
        }
    }
}
