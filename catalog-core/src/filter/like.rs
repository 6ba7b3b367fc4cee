//! The patterns of LIKE and ILIKE, read once for memory and for SQL.
//!
//! ILIKE folds the letters `A` to `Z` and no others: it is the one folding that SQLite, PostgreSQL under the collation `C` and
//! a program without Unicode tables have in common.

/// A pattern that matches a whole text.
///
/// Normal form: no two `Any` in a row; folded letters are lower-case. So equal patterns are written alike.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pattern {
    pieces: Vec<Piece>,
    folds: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Piece {
    /// `%`: any run of characters, also none.
    Any,
    /// `_`: one character, that is, one Unicode scalar value.
    One,
    Char(char),
}

impl Pattern {
    /// Reads a pattern; none if it ends in the middle of an escape.
    pub(super) fn parse(text: &str, folds: bool) -> Option<Self> {
        let mut pieces = Vec::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            let piece = match c {
                '%' => Piece::Any,
                '_' => Piece::One,
                '\\' => Piece::Char(chars.next()?),
                c => Piece::Char(c),
            };
            match piece {
                Piece::Any if pieces.last() == Some(&Piece::Any) => {}
                Piece::Char(c) if folds => pieces.push(Piece::Char(c.to_ascii_lowercase())),
                piece => pieces.push(piece),
            }
        }
        Some(Self { pieces, folds })
    }

    /// Whether `A` and `a` are the same to it.
    pub(super) fn folds(&self) -> bool {
        self.folds
    }

    /// Whether it matches all of `text`.
    ///
    /// A mismatch goes back to the last `%` only, never to an earlier one, so the time is at most the product of both lengths.
    pub(super) fn matches(&self, text: &str) -> bool {
        let mut pieces = self.pieces.as_slice();
        let mut rest = text.chars();
        let mut last_any = None;
        loop {
            match pieces.split_first() {
                Some((Piece::Any, tail)) => {
                    last_any = Some((tail, rest.clone()));
                    pieces = tail;
                    continue;
                }
                Some((piece, tail)) => {
                    let mut ahead = rest.clone();
                    if ahead.next().is_some_and(|c| self.takes(*piece, c)) {
                        (pieces, rest) = (tail, ahead);
                        continue;
                    }
                }
                None if rest.as_str().is_empty() => return true,
                None => {}
            }
            // let the last run take one character more
            let Some((tail, from)) = &mut last_any else { return false };
            if from.next().is_none() {
                return false;
            }
            (pieces, rest) = (tail, from.clone());
        }
    }

    fn takes(&self, piece: Piece, c: char) -> bool {
        match piece {
            Piece::Any => false,
            Piece::One => true,
            Piece::Char(wanted) => wanted == if self.folds { c.to_ascii_lowercase() } else { c },
        }
    }

    /// What every text that it matches begins with; none if that is nothing, or not to the letter.
    pub(super) fn prefix(&self) -> Option<String> {
        let letter = |piece: &Piece| match piece {
            Piece::Char(c) => Some(*c),
            Piece::Any | Piece::One => None,
        };
        let prefix: String = self.pieces.iter().map_while(letter).collect();
        (!self.folds && !prefix.is_empty()).then_some(prefix)
    }

    /// As LIKE reads it, with `\` as the escape.
    pub(super) fn to_like(&self) -> String {
        self.pieces
            .iter()
            .flat_map(|piece| match *piece {
                Piece::Any => [None, Some('%')],
                Piece::One => [None, Some('_')],
                Piece::Char(c @ ('%' | '_' | '\\')) => [Some('\\'), Some(c)],
                Piece::Char(c) => [None, Some(c)],
            })
            .flatten()
            .collect()
    }

    /// As SQLite's GLOB reads it, where a set of one character is that character.
    pub(super) fn to_glob(&self) -> String {
        let mut out = String::new();
        for piece in &self.pieces {
            match *piece {
                Piece::Any => out.push('*'),
                Piece::One => out.push('?'),
                Piece::Char(c @ ('*' | '?' | '[')) => out.extend(['[', c, ']']),
                Piece::Char(c) => out.push(c),
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn like(text: &str, pattern: &str) -> bool {
        Pattern::parse(pattern, false).unwrap().matches(text)
    }

    #[test]
    fn a_pattern_matches_whole_texts() {
        for (text, pattern) in [
            ("", ""),
            ("", "%"),
            ("abc", "abc"),
            ("abc", "a%"),
            ("abc", "%c"),
            ("abc", "%b%"),
            ("abc", "a_c"),
            ("aXbXc", "a%b%c"),
            ("aab", "%ab"),
            ("abab", "%ab"),
            ("日本語", "__語"),
            ("50%", r"50\%"),
            ("a_b", r"a\_b"),
            (r"a\b", r"a\\b"),
            ("abc", r"\a\b\c"),
        ] {
            assert!(like(text, pattern), "{text:?} is not like {pattern:?}");
        }
        for (text, pattern) in [
            ("", "_"),
            ("abc", "ab"),
            ("abc", "bc"),
            ("abc", "ABC"),
            ("505", r"50\%"),
            ("aXb", r"a\_b"),
            ("é", "__"),
            ("a", ""),
        ] {
            assert!(!like(text, pattern), "{text:?} is like {pattern:?}");
        }
    }

    #[test]
    fn folding_is_for_ascii_letters_only() {
        let like = |text, pattern| Pattern::parse(pattern, true).unwrap().matches(text);
        assert!(like("GPT-4", "gpt%") && like("gpt-4", "GPT%"));
        assert!(!like("É", "é") && !like("\u{212a}", "k") && !like("ß", "SS"));
    }

    #[test]
    fn an_escape_needs_something_to_escape() {
        assert_eq!(Pattern::parse(r"a\", false), None);
        assert!(Pattern::parse(r"a\\", false).is_some());
    }

    #[test]
    fn many_wildcards_do_not_take_for_ever() {
        let pattern = format!("{}b", "%a".repeat(1_000));
        assert!(!like(&"a".repeat(20_000), &pattern));
    }

    #[test]
    fn every_engine_gets_its_own_escapes() {
        let pattern = Pattern::parse(r"%%_*?[]^-\%\_\\x", false).unwrap();
        assert_eq!(pattern.to_glob(), r"*?[*][?][[]]^-%_\x");
        assert_eq!(pattern.to_like(), r"%_*?[]^-\%\_\\x");
    }
}
