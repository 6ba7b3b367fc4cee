use std::hash::{BuildHasher, Hasher};

use foldhash::fast::RandomState;

/// Texts as words that are hashed and compared without a look at every length.
///
/// Up to [`WHOLE`] bytes the words are the text; of a longer one they are the ends and a length, and the rest has to be compared
/// as well.
#[derive(Clone, Copy, Debug)]
pub(super) struct Words<const TEXTS: usize>([[u64; 5]; TEXTS]);

const WHOLE: u64 = 32;

/// In the place of a length: there is no text.
const NONE: u64 = u64::MAX;

impl<const TEXTS: usize> Words<TEXTS> {
    #[inline]
    pub(super) fn new(texts: [Option<&str>; TEXTS]) -> Self {
        let mut all = [[0, 0, 0, 0, NONE]; TEXTS];
        for (words, text) in all.iter_mut().zip(texts) {
            if let Some(text) = text {
                *words = of(text.as_bytes());
            }
        }
        Self(all)
    }

    /// Whether equal words mean equal texts.
    #[inline]
    pub(super) fn are_whole(&self) -> bool {
        self.0.iter().all(|[.., len]| *len <= WHOLE || *len == NONE)
    }
}

impl Words<1> {
    /// The length of the text.
    pub(super) fn len(&self) -> usize {
        let [[.., len]] = self.0;
        usize::try_from(len).unwrap_or(usize::MAX)
    }
}

impl<const TEXTS: usize> PartialEq for Words<TEXTS> {
    /// One comparison, since several of them would be as many guesses for the processor.
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        let pairs = self.0.as_flattened().iter().zip(other.0.as_flattened());
        pairs.fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
    }
}

#[inline]
fn of(bytes: &[u8]) -> [u64; 5] {
    let len = bytes.len() as u64;
    if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        let (first, last) = (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
        if let (Some(start), Some(end)) = (bytes.first_chunk::<16>(), bytes.last_chunk::<16>()) {
            return [first, upper(*start), lower(*end), last, len];
        }
        return [first, 0, 0, last, len];
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        return [u32::from_le_bytes(*first).into(), 0, 0, u32::from_le_bytes(*last).into(), len];
    }
    let byte = |at: usize| u64::from(bytes.get(at).copied().unwrap_or_default());
    [byte(0) | byte(1) << 8 | byte(2) << 16, 0, 0, 0, len]
}

fn upper(bytes: [u8; 16]) -> u64 {
    low(u128::from_le_bytes(bytes) >> 64)
}

fn lower(bytes: [u8; 16]) -> u64 {
    low(u128::from_le_bytes(bytes))
}

#[expect(clippy::cast_possible_truncation, reason = "half of it is wanted")]
fn low(both: u128) -> u64 {
    both as u64
}

/// Hashes texts by numbers that nobody else knows, since callers choose the texts.
#[derive(Clone, Debug)]
pub(super) struct Seeds {
    numbers: [u64; 4],
    long: RandomState,
}

impl Default for Seeds {
    fn default() -> Self {
        let long = RandomState::default();
        Self { numbers: [1_u64, 2, 3, 4].map(|number| long.hash_one(number)), long }
    }
}

impl Seeds {
    /// Of texts and their words.
    #[inline]
    pub(super) fn hash<const TEXTS: usize>(&self, words: &Words<TEXTS>, texts: [&str; TEXTS]) -> u64 {
        if words.are_whole() { self.hash_words(words) } else { self.hash_long(&texts) }
    }

    #[inline]
    fn hash_words<const TEXTS: usize>(&self, words: &Words<TEXTS>) -> u64 {
        let [s0, s1, s2, s3] = self.numbers;
        words.0.iter().fold(s0, |before, [a, b, c, d, len]| {
            let ends = multiply(a ^ s1, d ^ len.rotate_left(48) ^ s2);
            // most are shorter
            let all = if *len < 16 || *len == NONE { ends } else { multiply(ends ^ b, c ^ s3) };
            multiply(before ^ all, s3)
        })
    }

    #[cold]
    fn hash_long(&self, texts: &[&str]) -> u64 {
        let mut hasher = self.long.build_hasher();
        for text in texts {
            hasher.write(text.as_bytes());
            hasher.write_usize(text.len());
        }
        hasher.finish()
    }
}

/// Both halves of the product: every bit of either number has its say.
#[inline]
fn multiply(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    low(product) ^ low(product >> 64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of_one(text: &str) -> Words<1> {
        Words::new([Some(text)])
    }

    proptest! {
        #[test]
        fn words_of_a_whole_text_are_its_own_alone(a in "[ab\\x00]{0,40}", b in "[ab\\x00]{0,40}") {
            prop_assert_eq!(of_one(&a).are_whole(), a.len() <= 32);
            if a.len() <= 32 || b.len() <= 32 {
                prop_assert_eq!(of_one(&a) == of_one(&b), a == b);
            }
        }

        #[test]
        fn equal_texts_have_equal_hashes(a in ".{0,40}", b in ".{0,40}") {
            let seeds = Seeds::default();
            let hash = |a: &str, b: &str| seeds.hash(&Words::new([Some(a), Some(b)]), [a, b]);
            prop_assert_eq!(hash(&a, &b), hash(&a.clone(), &b.clone()));
            prop_assert!(a == b || hash(&a, &b) != hash(&b, &a));
        }
    }

    #[test]
    fn texts_that_differ_in_length_alone_differ() {
        let texts: Vec<String> = (0..40).map(|len| "a".repeat(len)).collect();
        let seeds = Seeds::default();
        let mut hashes: Vec<u64> = texts.iter().map(|text| seeds.hash(&of_one(text), [text])).collect();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), 40);
        for (at, text) in texts.iter().enumerate() {
            assert!(texts.iter().skip(at + 1).all(|other| of_one(other) != of_one(text)));
        }
    }

    #[test]
    fn no_text_is_not_the_empty_one() {
        let [none, empty] = [Words::new([None]), Words::new([Some("")])];
        assert!(none != empty && none.are_whole() && empty.are_whole());
    }
}
