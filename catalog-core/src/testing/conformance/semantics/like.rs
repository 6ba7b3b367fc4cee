//! The patterns of LIKE, matched the plain way.

/// Whether the pattern matches the whole text: `%` any run, `_` one character, `\` takes away the meaning of the next.
pub(super) fn like(text: &str, pattern: &str, folds: bool) -> bool {
    let fold = |c: char| if folds { c.to_ascii_lowercase() } else { c };
    let text: Vec<char> = text.chars().map(fold).collect();
    // which lengths of the text are matched by the pattern read so far
    let mut ends = vec![false; text.len() + 1];
    if let Some(first) = ends.first_mut() {
        *first = true;
    }
    let mut pattern = pattern.chars();
    while let Some(c) = pattern.next() {
        if c == '%' {
            let mut seen = false;
            for end in &mut ends {
                seen |= *end;
                *end = seen;
            }
            continue;
        }
        let wanted = match c {
            '_' => None,
            '\\' => pattern.next().map(fold),
            c => Some(fold(c)),
        };
        let steps = ends.iter().zip(&text).map(|(end, c)| *end && wanted.is_none_or(|wanted| wanted == *c));
        ends = std::iter::once(false).chain(steps).collect();
    }
    ends.last() == Some(&true)
}

#[cfg(test)]
mod tests {
    use super::like;

    #[test]
    fn patterns_match_whole_texts() {
        for (text, pattern) in [
            ("", "%"),
            ("abc", "a%"),
            ("abc", "%b%"),
            ("abc", "a_c"),
            ("50%", r"50\%"),
            ("abab", "%ab"),
            ("", ""),
        ] {
            assert!(like(text, pattern, false), "{text:?} {pattern:?}");
        }
        for (text, pattern) in [("abc", "ab"), ("abc", "A%"), ("505", r"50\%"), ("a", ""), ("", "_")] {
            assert!(!like(text, pattern, false), "{text:?} {pattern:?}");
        }
        assert!(like("GPT-é", "gpt-é", true) && !like("É", "é", true));
    }
}
