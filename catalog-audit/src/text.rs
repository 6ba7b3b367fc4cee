//! What a stranger wrote, as an event may repeat it: short, without what looks like a secret, and on one line.

use catalog_core::source::redact;
use serde_json::Value;

/// The text as one line of at most `max` bytes, escaped where it would not print.
pub(crate) fn line(text: &str, max: usize) -> String {
    // what comes later is cut anyway, and need not be looked at
    let head = text.get(..text.floor_char_boundary(4 * max)).unwrap_or_default();
    let Value::String(shown) = redact("", &Value::String(head.into())) else { return String::new() };
    let mut out = String::new();
    for c in shown.chars() {
        let end = out.len();
        match c {
            // escaped by `escape_debug` for the sake of Rust's literals only
            '\'' | '"' | '\\' => out.push(c),
            _ => out.extend(c.escape_debug()),
        }
        if out.len() > max {
            out.truncate(out.floor_char_boundary(end.min(max.saturating_sub('…'.len_utf8()))));
            out.push('…');
            break;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_short_and_one_and_tells_no_secret() {
        assert_eq!(line("a'b\n\u{1b}[31m\u{202e}", 64), "a'b\\n\\u{1b}[31m\\u{202e}");
        assert_eq!(
            line("https://u:hunter2@x/?token=hunter2", 80),
            "https://**redacted**@x/?token=**redacted**"
        );
        assert_eq!(line("abcdefgh", 8), "abcdefgh");
        assert_eq!(line("abcdefghi", 8), "abcde…");
    }

    proptest::proptest! {
        #[test]
        fn any_text_fits(text in ".{0,80}", max in 8_usize..40) {
            let line = line(&text, max);
            assert!(line.len() <= max && !line.contains(char::is_control), "{line}");
        }
    }
}
