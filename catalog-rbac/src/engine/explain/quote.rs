use std::fmt::{self, Write};

/// A text in quotes, as Go writes it with `%q`.
pub(super) fn quoted(text: &str) -> Quoted<'_> {
    Quoted(text)
}

pub(super) struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for c in self.0.chars() {
            match c {
                '"' | '\\' => write!(f, "\\{c}")?,
                '\u{7}' => f.write_str("\\a")?,
                '\u{8}' => f.write_str("\\b")?,
                '\u{b}' => f.write_str("\\v")?,
                '\u{c}' => f.write_str("\\f")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                '\0'..=' ' if c != ' ' => write!(f, "\\x{:02x}", u32::from(c))?,
                '\u{7f}' => f.write_str("\\x7f")?,
                // `escape_debug` leaves alone what prints, and quotes
                _ if c == '\'' || c.escape_debug().len() == 1 => f.write_char(c)?,
                '\0'..='\u{ffff}' => write!(f, "\\u{:04x}", u32::from(c))?,
                _ => write!(f, "\\U{:08x}", u32::from(c))?,
            }
        }
        f.write_char('"')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_quoted_as_go_does() {
        for (text, expected) in [
            ("jane", r#""jane""#),
            ("", r#""""#),
            (r#"a"b\c'd"#, r#""a\"b\\c'd""#),
            ("a\n\t\r\0\x1b\x7f", r#""a\n\t\r\x00\x1b\x7f""#),
            ("日本 é", r#""日本 é""#),
            ("\u{202e}\u{e0001}", r#""\u202e\U000e0001""#),
        ] {
            assert_eq!(quoted(text).to_string(), expected);
        }
    }
}
