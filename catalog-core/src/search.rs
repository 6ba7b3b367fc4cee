//! The words that `q` looks for, made here so that they are the same in memory and on every engine.
//!
//! A word is a run of letters and digits, in lower case; a character of a script that is written without spaces is a word of its
//! own. A word of `q` finds an asset if it begins one of the asset's words; all words of `q` must find it.

use std::collections::HashSet;

use serde::Serialize;

/// So many different words of an asset are searched; what follows them is not.
const MAX_WORDS: usize = 2_000;
/// So many characters of a word are.
const MAX_WORD: usize = 64;

/// The words of a text, each once, in the order in which they first stand there.
pub fn words(text: &str) -> Vec<String> {
    let mut words = Words::default();
    words.add(text);
    words.list
}

/// What `q` looks into: the words of one asset, with spaces between them.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct SearchText {
    title: String,
    text: String,
}

impl SearchText {
    /// Of an asset that is called by the `titles`, with the `texts` that are searched besides.
    pub fn new<'a>(
        titles: impl IntoIterator<Item = &'a str>,
        texts: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let mut words = Words::default();
        titles.into_iter().for_each(|text| words.add(text));
        let title = words.list.join(" ");
        texts.into_iter().for_each(|text| words.add(text));
        Self { title, text: words.list.join(" ") }
    }

    /// The words of the names.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// All words, those of the names first.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether each of `words` begins a word of the asset.
    pub fn matches(&self, words: &[String]) -> bool {
        begin(words, &self.text)
    }

    /// Whether each of `words` begins a word of its names: such assets come first.
    pub fn is_called(&self, words: &[String]) -> bool {
        begin(words, &self.title)
    }
}

fn begin(words: &[String], text: &str) -> bool {
    words.iter().all(|word| text.split(' ').any(|of_text| of_text.starts_with(word)))
}

#[derive(Default)]
struct Words {
    list: Vec<String>,
    seen: HashSet<String>,
}

impl Words {
    fn add(&mut self, text: &str) {
        let mut word = String::new();
        for c in text.chars().flat_map(char::to_lowercase) {
            if c.is_alphanumeric() && stands_alone(c) {
                self.end(&mut word);
                word.push(c);
                self.end(&mut word);
            } else if c.is_alphanumeric() {
                word.push(c);
            } else {
                self.end(&mut word);
            }
        }
        self.end(&mut word);
    }

    fn end(&mut self, word: &mut String) {
        let word = std::mem::take(word);
        let word: String = if word.len() > MAX_WORD { word.chars().take(MAX_WORD).collect() } else { word };
        if !word.is_empty() && self.list.len() < MAX_WORDS && self.seen.insert(word.clone()) {
            self.list.push(word);
        }
    }
}

/// Whether the script has no spaces between words: Chinese, Japanese, Korean.
fn stands_alone(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{2fa1f}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_are_runs_of_letters_and_digits() {
        for (text, expected) in [
            ("acme-ai/Neural_7B Neural", "acme ai neural 7b"),
            ("  --'; drop table -- ", "drop table"),
            ("Größe ÉTÉ 日本語model v2.1", "größe été 日 本 語 model v2 1"),
            ("", ""),
        ] {
            assert_eq!(words(text).join(" "), expected, "{text:?}");
        }
        assert_eq!(words(&"x".repeat(200)), ["x".repeat(64)]);
        let many: Vec<String> = (0..5_000).map(|i| format!("w{i}")).collect();
        assert_eq!(words(&many.join(" ")).len(), MAX_WORDS);
    }

    #[test]
    fn each_word_must_begin_one_of_the_assets() {
        let text = SearchText::new(["Fraud Scorer"], ["Scores card payments"]);
        assert_eq!((text.title(), text.text()), ("fraud scorer", "fraud scorer scores card payments"));
        for (q, found, called) in [
            ("fraud", true, true),
            ("SCO fra", true, true),
            ("card", true, false),
            ("fraud pay", true, false),
            ("raud", false, false),
            ("fraud bank", false, false),
            ("", true, true),
        ] {
            assert_eq!((text.matches(&words(q)), text.is_called(&words(q))), (found, called), "{q}");
        }
    }

    proptest! {
        #[test]
        fn every_text_is_found_by_each_of_its_own_words(text in ".{0,200}") {
            let searched = SearchText::new([], [text.as_str()]);
            for word in words(&text) {
                prop_assert!(word.chars().all(char::is_alphanumeric), "{word}");
                prop_assert!(searched.matches(&[word]));
            }
        }
    }
}
