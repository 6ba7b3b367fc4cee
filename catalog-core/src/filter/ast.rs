//! A filter as a tree, every field resolved and every value of its field's type.

use std::cmp::Ordering;

use super::like::Pattern;
use crate::asset::{AttributeValue, FieldRef};

/// A filter or a part of one. Always in normal form: [`all`](Self::all) and [`any`](Self::any) see to it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expression {
    /// Two or more, none of them an `All`.
    All(Vec<Self>),
    /// Two or more, none of them an `Any`.
    Any(Vec<Self>),
    Not(Box<Self>),
    Comparison(FieldRef, Test),
    /// None of the fields has a value: what `is null` means where the kind of a custom property is left open.
    Absent(Vec<FieldRef>),
}

/// What a comparison asks of its field. The negated forms of the language are a `Not` around it, which is the same to NULL.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Test {
    Compare(Operator, AttributeValue),
    In(Vec<AttributeValue>),
    Like(Pattern),
    IsNull,
}

/// How two values are compared. On a list, `Equal` means that it contains the value, `NotEqual` that it does not.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Expression {
    /// All of the parts hold.
    pub(super) fn all(parts: Vec<Self>) -> Self {
        Self::flat(parts, Self::All, |part| match part {
            Self::All(inner) => Ok(inner),
            other => Err(other),
        })
    }

    /// One of the parts holds.
    pub(super) fn any(parts: Vec<Self>) -> Self {
        Self::flat(parts, Self::Any, |part| match part {
            Self::Any(inner) => Ok(inner),
            other => Err(other),
        })
    }

    pub(super) fn negated(self) -> Self {
        Self::Not(Box::new(self))
    }

    fn flat(
        parts: Vec<Self>,
        join: fn(Vec<Self>) -> Self,
        open: fn(Self) -> Result<Vec<Self>, Self>,
    ) -> Self {
        let mut out = Vec::with_capacity(parts.len());
        for part in parts {
            match open(part) {
                Ok(inner) => out.extend(inner),
                Err(part) => out.push(part),
            }
        }
        match out.pop() {
            Some(only) if out.is_empty() => only,
            Some(last) => {
                out.push(last);
                join(out)
            }
            None => join(out),
        }
    }
}

impl Operator {
    /// The operator that is written so.
    pub(super) fn from_symbol(symbol: &str) -> Option<Self> {
        Some(match symbol {
            "=" => Self::Equal,
            "!=" | "<>" => Self::NotEqual,
            "<" => Self::Less,
            "<=" => Self::LessOrEqual,
            ">" => Self::Greater,
            ">=" => Self::GreaterOrEqual,
            _ => return None,
        })
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    /// Whether it asks which of the two comes first.
    pub(super) fn needs_order(self) -> bool {
        !matches!(self, Self::Equal | Self::NotEqual)
    }

    /// Whether it holds for a field's value that stands so to the literal.
    pub(super) fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::NotEqual => ordering.is_ne(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}
