//! What a stranger wrote, as errors and logs may repeat it: short, and unable to look like anything else.

/// The first 64 characters as one line, escaped where they would not print.
pub(crate) fn shown(text: &str) -> String {
    line(text, 64)
}

/// The first `max` characters as one line, escaped where they would not print.
pub(crate) fn line(text: &str, max: usize) -> String {
    let mut out: String = text.chars().take(max).fold(String::new(), escape);
    if text.chars().nth(max).is_some() {
        out.push('…');
    }
    out
}

/// The text line by line, escaped where it would not print, in at most `max` bytes.
#[cfg(feature = "runtime")]
pub(crate) fn lines(text: &str, max: usize) -> String {
    let mut out = String::new();
    for c in text.chars() {
        let end = out.len();
        out = if c == '\n' { out + "\n" } else { escape(out, c) };
        if out.len() > max.saturating_sub('…'.len_utf8()) {
            out.truncate(end);
            out.push('…');
            return out;
        }
    }
    out
}

fn escape(mut out: String, c: char) -> String {
    match c {
        // escaped by `escape_debug` for the sake of Rust's literals only
        '\'' | '"' | '\\' => out.push(c),
        _ => out.extend(c.escape_debug()),
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_short_and_stays_one_line() {
        assert_eq!(shown("a'b\n\u{1b}[31m\u{202e}"), "a'b\\n\\u{1b}[31m\\u{202e}");
        assert_eq!(shown(&"é".repeat(64)), "é".repeat(64));
        assert_eq!(shown(&"é".repeat(65)), format!("{}…", "é".repeat(64)));
    }

    #[cfg(feature = "runtime")]
    #[test]
    fn lines_stay_lines_within_their_bytes() {
        assert_eq!(lines("a\r\nb", 10), "a\\r\nb");
        assert_eq!(lines("abcdefgh", 8), "abcde…");
        assert!(lines(&"日本".repeat(500), 100).len() <= 100);
    }
}
