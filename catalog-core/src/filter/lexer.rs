//! The words of the language.

use std::str::Chars;

use super::error::{FilterError, FilterErrorKind};

/// One word, with the piece of the text that it is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token<'a> {
    pub(super) kind: TokenKind,
    /// Characters before it.
    pub(super) at: usize,
    /// As it was written.
    pub(super) text: &'a str,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum TokenKind {
    /// A keyword or a plain name.
    Word,
    /// A name in back-ticks, without them.
    Name(String),
    /// A text in quotes, its escapes read.
    Text(String),
    Integer(i64),
    Number(f64),
    /// An operator, a parenthesis, a comma or a dot.
    Symbol,
    End,
}

/// The words of one text.
#[derive(Debug)]
pub(super) struct Tokens<'a> {
    /// Those before the end or the first fault.
    pub(super) list: Vec<Token<'a>>,
    /// What stands behind the last.
    pub(super) end: Token<'a>,
    /// Why there are no more. It waits here, so that a fault further to the left is told first.
    pub(super) fault: Option<FilterError>,
}

/// Cuts the text into words.
pub(super) fn tokens(text: &str) -> Tokens<'_> {
    let mut lexer = Lexer { chars: text.chars(), at: 0 };
    let mut list = Vec::new();
    let fault = loop {
        match lexer.token() {
            Ok(Some(token)) => list.push(token),
            Ok(None) => break None,
            Err(fault) => break Some(fault),
        }
    };
    Tokens { list, end: Token { kind: TokenKind::End, at: lexer.at, text: "" }, fault }
}

/// Whether a name needs no back-ticks.
pub(super) fn is_plain_name(text: &str) -> bool {
    text.chars().all(continues_word) && !text.starts_with(|c: char| c.is_ascii_digit()) && !text.is_empty()
}

fn continues_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn fault(at: usize, expected: &'static str) -> FilterError {
    FilterError::new(FilterErrorKind::Syntax, at, expected)
}

struct Lexer<'a> {
    chars: Chars<'a>,
    at: usize,
}

impl<'a> Lexer<'a> {
    fn peek(&self) -> Option<char> {
        self.chars.clone().next()
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.chars.next();
        self.at += usize::from(c.is_some());
        c
    }

    fn bump_if(&mut self, wanted: impl Fn(char) -> bool) -> bool {
        let found = self.peek().is_some_and(wanted);
        if found {
            self.bump();
        }
        found
    }

    /// Passes all such characters, and tells whether there was one.
    fn bump_while(&mut self, wanted: impl Fn(char) -> bool) -> bool {
        let mut any = false;
        while self.bump_if(&wanted) {
            any = true;
        }
        any
    }

    /// What was passed since `rest` was all that was left.
    fn since(&self, rest: &'a str) -> &'a str {
        rest.get(..rest.len() - self.chars.as_str().len()).unwrap_or(rest)
    }

    fn token(&mut self) -> Result<Option<Token<'a>>, FilterError> {
        self.bump_while(|c| matches!(c, ' ' | '\t' | '\r' | '\n'));
        let (at, rest) = (self.at, self.chars.as_str());
        let Some(first) = self.bump() else { return Ok(None) };
        let digit_follows = self.peek().is_some_and(|c| c.is_ascii_digit());
        let kind = match first {
            '\'' | '"' => TokenKind::Text(self.text(at, first)?),
            '`' => TokenKind::Name(self.name(at)?),
            '(' | ')' | ',' | '.' | '=' => TokenKind::Symbol,
            '<' => {
                self.bump_if(|c| matches!(c, '=' | '>'));
                TokenKind::Symbol
            }
            '>' => {
                self.bump_if(|c| c == '=');
                TokenKind::Symbol
            }
            '!' if self.bump_if(|c| c == '=') => TokenKind::Symbol,
            c if c.is_ascii_digit() || (c == '-' && digit_follows) => self.number(at, rest)?,
            c if c.is_alphanumeric() || c == '_' => {
                // letters that only look like others make one wrong word, not a right one and a rest
                self.bump_while(|c| c.is_alphanumeric() || c == '_');
                if !is_plain_name(self.since(rest)) {
                    return Err(
                        fault(at, "a name of ASCII letters, or one in back-ticks").found(self.since(rest))
                    );
                }
                TokenKind::Word
            }
            _ => {
                // a comment is shown as one
                self.bump_if(|c| matches!((first, c), ('-', '-') | ('/', '*')));
                let expected = "a field, an operator, a value or a parenthesis";
                return Err(fault(at, expected).found(self.since(rest)));
            }
        };
        Ok(Some(Token { kind, at, text: self.since(rest) }))
    }

    /// The rest of a number whose first character has been passed.
    fn number(&mut self, at: usize, rest: &'a str) -> Result<TokenKind, FilterError> {
        let digit = |c: char| c.is_ascii_digit();
        self.bump_while(digit);
        let fraction = self.bump_if(|c| c == '.');
        let mut sound = !fraction || self.bump_while(digit);
        let exponent = self.bump_if(|c| matches!(c, 'e' | 'E'));
        if exponent {
            self.bump_if(|c| matches!(c, '+' | '-'));
            sound &= self.bump_while(digit);
        }
        if self.bump_while(|c| continues_word(c) || c == '.') || !sound {
            return Err(fault(at, "a number").found(self.since(rest)));
        }
        let text = self.since(rest);
        let limit = |expected| FilterError::new(FilterErrorKind::Limit, at, expected).found(text);
        if fraction || exponent {
            let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
            // the sum has no negative zero, which would be equal and yet written otherwise
            number
                .map(|number| TokenKind::Number(number + 0.0))
                .ok_or_else(|| limit("a finite number of 64 bits"))
        } else {
            text.parse().map(TokenKind::Integer).map_err(|_| limit("an integer of 64 bits"))
        }
    }

    /// The rest of a text, after its quote at `start`.
    fn text(&mut self, start: usize, quote: char) -> Result<String, FilterError> {
        let mut out = String::new();
        loop {
            let at = self.at;
            match self.bump() {
                None => return Err(fault(start, "a closing quote for the text that begins here")),
                Some('\0') => return Err(fault(at, "a text without NUL characters")),
                Some('\\') => match self.peek() {
                    Some(c @ ('\\' | '\'' | '"' | 'n' | 'r' | 't')) => {
                        self.bump();
                        out.push(match c {
                            'n' => '\n',
                            'r' => '\r',
                            't' => '\t',
                            other => other,
                        });
                    }
                    // no escape of a text; a pattern makes one of it
                    _ => out.push('\\'),
                },
                Some(c) if c == quote => {
                    if !self.bump_if(|c| c == quote) {
                        return Ok(out);
                    }
                    out.push(quote);
                }
                Some(c) => out.push(c),
            }
        }
    }

    /// The rest of a name, after its back-tick at `start`.
    fn name(&mut self, start: usize) -> Result<String, FilterError> {
        let mut out = String::new();
        loop {
            let at = self.at;
            match self.bump() {
                None => return Err(fault(start, "a closing back-tick for the name that begins here")),
                Some(c) if c.is_control() => return Err(fault(at, "a name without control characters")),
                Some('`') if !self.bump_if(|c| c == '`') => break,
                Some(c) => out.push(c),
            }
        }
        if out.is_empty() { Err(fault(start, "a name between the back-ticks")) } else { Ok(out) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<TokenKind> {
        let tokens = tokens(text);
        assert_eq!(tokens.fault, None, "{text}");
        tokens.list.into_iter().map(|token| token.kind).collect()
    }

    #[test]
    fn a_text_has_one_meaning_wherever_it_stands() {
        for (written, meant) in [
            (r"'it''s'", "it's"),
            (r#""it's""#, "it's"),
            (r#""say ""hi""""#, r#"say "hi""#),
            (r#"'say "hi"'"#, r#"say "hi""#),
            (r"'it\'s'", "it's"),
            (r"'a\\b'", r"a\b"),
            (r"'a\nb\tc\rd'", "a\nb\tc\rd"),
            (r"'100\%'", r"100\%"),
            (r"'a\_b'", r"a\_b"),
            (r"'\\\\'", r"\\"),
            (r"'\d'", r"\d"),
            ("''", ""),
            ("'日本'", "日本"),
        ] {
            assert_eq!(kinds(written), [TokenKind::Text(meant.into())], "{written}");
        }
    }

    #[test]
    fn numbers_are_whole_unless_they_say_otherwise() {
        assert_eq!(kinds("7 -7 007"), [TokenKind::Integer(7), TokenKind::Integer(-7), TokenKind::Integer(7)]);
        assert_eq!(kinds("7.0 1e3 -2.5E-1"), [7.0, 1000.0, -0.25].map(TokenKind::Number));
        assert_eq!(kinds("-9223372036854775808"), [TokenKind::Integer(i64::MIN)]);
    }

    #[test]
    fn positions_count_characters() {
        let tokens = tokens("`日本` <> 'é' )");
        let positions: Vec<_> = tokens.list.iter().map(|token| (token.at, token.text)).collect();
        assert_eq!(positions, [(0, "`日本`"), (5, "<>"), (8, "'é'"), (12, ")")]);
        assert_eq!(tokens.end.at, 13);
    }
}
