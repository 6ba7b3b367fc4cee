//! From words to a tree, by recursive descent.
//!
//! The recursion goes no deeper than [`MAX_DEPTH`], whatever the text.

use std::borrow::Cow;

use super::{
    ast::{Expression, Operator},
    check::{Literal, Value},
    error::{FilterError, FilterErrorKind},
    lexer::{Token, TokenKind, Tokens, tokens},
    target::{Path, Segment, Target},
};
use crate::schema::EntitySchema;

/// Bytes of the text.
const MAX_BYTES: usize = 4_096;
/// Parentheses and NOTs within each other.
const MAX_DEPTH: usize = 32;
/// Comparisons of one filter.
const MAX_COMPARISONS: usize = 100;
/// Values of one IN.
const MAX_VALUES: usize = 200;

/// Words that are no field unless they stand in back-ticks or after a dot.
const KEYWORDS: [&str; 10] = ["and", "or", "not", "in", "is", "null", "like", "ilike", "true", "false"];

/// Reads a filter of that entity.
pub(super) fn parse(text: &str, schema: &EntitySchema) -> Result<Expression, FilterError> {
    if text.len() > MAX_BYTES {
        // the character in which the limit is crossed
        let position = text.char_indices().take_while(|(at, c)| at + c.len_utf8() <= MAX_BYTES).count();
        return Err(FilterError::new(FilterErrorKind::Limit, position, format!("at most {MAX_BYTES} bytes")));
    }
    let mut parser = Parser { tokens: tokens(text), next: 0, comparisons: 0, schema };
    let expression = parser.any(0)?;
    if parser.at_end() { Ok(expression) } else { Err(parser.expected("`and`, `or` or the end")) }
}

/// Whether a name must stand in back-ticks where a field begins.
pub(super) fn is_keyword(name: &str) -> bool {
    KEYWORDS.iter().any(|keyword| name.eq_ignore_ascii_case(keyword))
}

struct Parser<'a> {
    tokens: Tokens<'a>,
    next: usize,
    comparisons: usize,
    schema: &'a EntitySchema,
}

impl<'a> Parser<'a> {
    fn token(&self) -> &Token<'a> {
        self.tokens.list.get(self.next).unwrap_or(&self.tokens.end)
    }

    fn at_end(&self) -> bool {
        self.token().kind == TokenKind::End && self.tokens.fault.is_none()
    }

    /// The error that something else stands at the next word.
    fn expected(&self, expected: impl Into<Cow<'static, str>>) -> FilterError {
        let token = self.token();
        match &self.tokens.fault {
            Some(fault) if token.kind == TokenKind::End => fault.clone(),
            _ => FilterError::new(FilterErrorKind::Syntax, token.at, expected).found(token.text),
        }
    }

    fn limit(&self, expected: String) -> FilterError {
        FilterError::new(FilterErrorKind::Limit, self.token().at, expected)
    }

    fn is_symbol(&self, symbol: &str) -> bool {
        self.token().kind == TokenKind::Symbol && self.token().text == symbol
    }

    fn is_word(&self, word: &str) -> bool {
        self.token().kind == TokenKind::Word && self.token().text.eq_ignore_ascii_case(word)
    }

    /// Passes the symbol if it stands there.
    fn take_symbol(&mut self, symbol: &str) -> bool {
        let found = self.is_symbol(symbol);
        self.next += usize::from(found);
        found
    }

    /// Passes the keyword if it stands there.
    fn take_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        self.next += usize::from(found);
        found
    }

    fn any(&mut self, depth: usize) -> Result<Expression, FilterError> {
        let mut parts = vec![self.all(depth)?];
        while self.take_word("or") {
            parts.push(self.all(depth)?);
        }
        Ok(Expression::any(parts))
    }

    fn all(&mut self, depth: usize) -> Result<Expression, FilterError> {
        let mut parts = vec![self.not(depth)?];
        while self.take_word("and") {
            parts.push(self.not(depth)?);
        }
        Ok(Expression::all(parts))
    }

    fn not(&mut self, mut depth: usize) -> Result<Expression, FilterError> {
        let negated = self.is_word("not");
        if negated {
            depth = self.enter(depth)?;
        }
        let expression = if self.is_symbol("(") {
            depth = self.enter(depth)?;
            let inner = self.any(depth)?;
            if !self.take_symbol(")") {
                return Err(self.expected("`and`, `or` or `)`"));
            }
            inner
        } else {
            self.comparison()?
        };
        Ok(if negated { expression.negated() } else { expression })
    }

    /// Passes a word that nests, and gives the depth behind it.
    fn enter(&mut self, depth: usize) -> Result<usize, FilterError> {
        if depth == MAX_DEPTH {
            return Err(self.limit(format!("parentheses and `not` at most {MAX_DEPTH} deep")));
        }
        self.next += 1;
        Ok(depth + 1)
    }

    fn comparison(&mut self) -> Result<Expression, FilterError> {
        let at = self.token().at;
        let path = self.path()?;
        if self.comparisons == MAX_COMPARISONS {
            return Err(FilterError::new(
                FilterErrorKind::Limit,
                at,
                format!("at most {MAX_COMPARISONS} comparisons"),
            ));
        }
        self.comparisons += 1;
        let target = Target::resolve(path, self.schema)?;
        if let Some((operator, at)) = self.operator() {
            return target.compare(operator, at, self.value(operator.as_str())?);
        }
        if self.take_word("is") {
            let negated = self.take_word("not");
            if !self.take_word("null") {
                return Err(self.expected(if negated { "`null`" } else { "`null` or `not null`" }));
            }
            let expression = target.null();
            return Ok(if negated { expression.negated() } else { expression });
        }
        let negated = self.take_word("not");
        let expression = self.membership(target, negated)?;
        Ok(if negated { expression.negated() } else { expression })
    }

    /// The operators that may have a `not` before them.
    fn membership(&mut self, target: Target, negated: bool) -> Result<Expression, FilterError> {
        let at = self.token().at;
        if self.take_word("in") {
            return target.within(self.values()?);
        }
        for (operator, folds) in [("like", false), ("ilike", true)] {
            if self.take_word(operator) {
                return target.like(operator, at, folds, self.value(operator)?);
            }
        }
        Err(self.expected(if negated { "`in`, `like` or `ilike`" } else { "an operator such as `=`" }))
    }

    fn path(&mut self) -> Result<Path, FilterError> {
        let keyword = is_keyword(self.token().text);
        let first = if keyword { None } else { self.segment() };
        let first = first.ok_or_else(|| self.expected("a field or `(`"))?;
        let mut rest = Vec::new();
        while self.take_symbol(".") {
            let segment = self.segment();
            rest.push(
                segment.ok_or_else(|| self.expected("a name after `.`, in back-ticks unless it is plain"))?,
            );
        }
        Ok(Path { first, rest })
    }

    fn segment(&mut self) -> Option<Segment> {
        let token = self.token();
        let (text, literal) = match &token.kind {
            TokenKind::Word => (token.text.to_owned(), false),
            TokenKind::Name(name) => (name.clone(), true),
            _ => return None,
        };
        let segment = Segment { at: token.at, text, literal };
        self.next += 1;
        Some(segment)
    }

    fn operator(&mut self) -> Option<(Operator, usize)> {
        let token = self.token();
        let operator = Operator::from_symbol(token.text)?;
        let at = token.at;
        self.next += 1;
        Some((operator, at))
    }

    fn value(&mut self, after: &str) -> Result<Value<'a>, FilterError> {
        let token = self.token();
        let literal = match &token.kind {
            TokenKind::Text(text) => Literal::Text(text.clone()),
            TokenKind::Integer(number) => Literal::Integer(*number),
            TokenKind::Number(number) => Literal::Number(*number),
            TokenKind::Word if self.is_word("true") => Literal::Boolean(true),
            TokenKind::Word if self.is_word("false") => Literal::Boolean(false),
            TokenKind::Word if self.is_word("null") => {
                return Err(
                    self.expected(format!("a value after `{after}` (`is null` asks for a missing one)"))
                );
            }
            TokenKind::Word | TokenKind::Name(_) => {
                return Err(self.expected(format!("a value after `{after}` (a text stands in quotes)")));
            }
            TokenKind::Symbol | TokenKind::End => {
                return Err(self.expected(format!("a value after `{after}`")));
            }
        };
        let value = Value { at: token.at, text: token.text, literal };
        self.next += 1;
        Ok(value)
    }

    fn values(&mut self) -> Result<Vec<Value<'a>>, FilterError> {
        if !self.take_symbol("(") {
            return Err(self.expected("`(` after `in`"));
        }
        let mut after = "(";
        let mut values = Vec::new();
        loop {
            if values.len() == MAX_VALUES {
                return Err(self.limit(format!("at most {MAX_VALUES} values after `in`")));
            }
            values.push(self.value(after)?);
            if self.take_symbol(")") {
                return Ok(values);
            }
            if !self.take_symbol(",") {
                return Err(self.expected("`,` or `)`"));
            }
            after = ",";
        }
    }
}
