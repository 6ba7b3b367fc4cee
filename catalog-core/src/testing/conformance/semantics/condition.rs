use std::cmp::Ordering;

use serde_json::Value;

use super::{
    like::like,
    value::{Cell, cell},
};
use crate::testing::conformance::entity::Field;

/// A filter, and what it means.
#[derive(Clone, Debug)]
pub(in crate::testing::conformance) enum Condition {
    Of(Field, Test),
    Not(Box<Condition>),
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
}

/// What is asked of one field.
#[derive(Clone, Debug)]
pub(in crate::testing::conformance) enum Test {
    Compare(Operator, Cell),
    In(Vec<Cell>),
    NotIn(Vec<Cell>),
    Like { pattern: String, folds: bool },
    NotLike(String),
    IsNull,
    IsNotNull,
}

/// What compares.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::testing::conformance) enum Operator {
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

impl Operator {
    pub(in crate::testing::conformance) const RANGES: [Self; 4] =
        [Self::Less, Self::AtMost, Self::Greater, Self::AtLeast];

    fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
        }
    }

    fn takes(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::NotEqual => ordering.is_ne(),
            Self::Less => ordering.is_lt(),
            Self::AtMost => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::AtLeast => ordering.is_ge(),
        }
    }
}

impl Condition {
    pub(in crate::testing::conformance) fn negated(self) -> Self {
        Self::Not(Box::new(self))
    }

    pub(in crate::testing::conformance) fn and(self, other: Self) -> Self {
        Self::And(Box::new(self), Box::new(other))
    }

    pub(in crate::testing::conformance) fn or(self, other: Self) -> Self {
        Self::Or(Box::new(self), Box::new(other))
    }

    /// As the language of filters writes it, everything compound in parentheses.
    pub(in crate::testing::conformance) fn text(&self) -> String {
        match self {
            Self::Of(field, test) => test.text(&field.written()),
            Self::Not(inner) => format!("NOT ({})", inner.text()),
            Self::And(a, b) => format!("({}) AND ({})", a.text(), b.text()),
            Self::Or(a, b) => format!("({}) OR ({})", a.text(), b.text()),
        }
    }

    /// Whether it holds for a document: none where a missing value leaves that unknown.
    pub(in crate::testing::conformance) fn holds(&self, document: &Value) -> Option<bool> {
        match self {
            Self::Of(field, test) => test.holds(cell(document, field).as_ref()),
            Self::Not(inner) => inner.holds(document).map(|truth| !truth),
            Self::And(a, b) => match (a.holds(document), b.holds(document)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            },
            Self::Or(a, b) => match (a.holds(document), b.holds(document)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            },
        }
    }
}

impl Test {
    fn text(&self, field: &str) -> String {
        let list = |cells: &[Cell]| cells.iter().map(Cell::literal).collect::<Vec<_>>().join(", ");
        let pattern = |pattern: &String| Cell::Text(pattern.clone()).literal();
        match self {
            Self::Compare(operator, value) => format!("{field} {} {}", operator.as_str(), value.literal()),
            Self::In(values) => format!("{field} IN ({})", list(values)),
            Self::NotIn(values) => format!("{field} NOT IN ({})", list(values)),
            Self::Like { pattern: text, folds: false } => format!("{field} LIKE {}", pattern(text)),
            Self::Like { pattern: text, folds: true } => format!("{field} ILIKE {}", pattern(text)),
            Self::NotLike(text) => format!("{field} NOT LIKE {}", pattern(text)),
            Self::IsNull => format!("{field} IS NULL"),
            Self::IsNotNull => format!("{field} IS NOT NULL"),
        }
    }

    fn holds(&self, value: Option<&Cell>) -> Option<bool> {
        let truth = match self {
            Self::IsNull => return Some(value.is_none()),
            Self::IsNotNull => return Some(value.is_some()),
            Self::Compare(operator, wanted) => match value? {
                // on a list `=` means contains
                Cell::Texts(texts) => contains(texts, wanted) != (*operator == Operator::NotEqual),
                value => operator.takes(value.order(wanted)?),
            },
            Self::In(wanted) => is_one_of(value?, wanted),
            Self::NotIn(wanted) => !is_one_of(value?, wanted),
            Self::Like { pattern, folds } => is_like(value?, pattern, *folds),
            Self::NotLike(pattern) => !is_like(value?, pattern, false),
        };
        Some(truth)
    }
}

fn contains(texts: &[String], wanted: &Cell) -> bool {
    matches!(wanted, Cell::Text(wanted) if texts.contains(wanted))
}

fn is_one_of(value: &Cell, wanted: &[Cell]) -> bool {
    wanted.iter().any(|wanted| match value {
        Cell::Texts(texts) => contains(texts, wanted),
        value => value.order(wanted).is_some_and(Ordering::is_eq),
    })
}

fn is_like(value: &Cell, pattern: &str, folds: bool) -> bool {
    match value {
        Cell::Text(text) => like(text, pattern, folds),
        Cell::Texts(texts) => texts.iter().any(|text| like(text, pattern, folds)),
        _ => false,
    }
}
