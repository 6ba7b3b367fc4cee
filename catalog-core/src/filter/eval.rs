//! Filters over values in memory.

use std::cmp::Ordering;

use super::ast::{Expression, Operator, Test};
use crate::asset::{AssetRecord, AttributeValue, FieldRef};

/// What a filter can be asked about.
pub trait Subject {
    /// The value of the field, none where there is none: that is NULL to the filter.
    fn attribute(&self, field: &FieldRef) -> Option<AttributeValue>;
}

impl Subject for AssetRecord {
    fn attribute(&self, field: &FieldRef) -> Option<AttributeValue> {
        Self::attribute(self, field)
    }
}

/// Whether the filter holds, none where that is unknown because a value is missing.
pub(super) fn evaluate(expression: &Expression, subject: &impl Subject) -> Option<bool> {
    match expression {
        Expression::All(parts) => settle(parts, subject, false),
        Expression::Any(parts) => settle(parts, subject, true),
        Expression::Not(inner) => evaluate(inner, subject).map(|truth| !truth),
        Expression::Comparison(field, test) => test.holds(subject.attribute(field).as_ref()),
        Expression::Absent(fields) => Some(fields.iter().all(|field| subject.attribute(field).is_none())),
    }
}

/// One part that is `settled` settles it, even among unknown ones.
fn settle(parts: &[Expression], subject: &impl Subject, settled: bool) -> Option<bool> {
    let mut unknown = false;
    for part in parts {
        match evaluate(part, subject) {
            Some(truth) if truth == settled => return Some(settled),
            Some(_) => {}
            None => unknown = true,
        }
    }
    if unknown { None } else { Some(!settled) }
}

impl Test {
    fn holds(&self, value: Option<&AttributeValue>) -> Option<bool> {
        match self {
            Self::IsNull => Some(value.is_none()),
            Self::Compare(operator, literal) => match value? {
                AttributeValue::Strings(list) => {
                    Some(contains(list, literal) != (*operator == Operator::NotEqual))
                }
                value => compare(value, literal).map(|ordering| operator.holds(ordering)),
            },
            Self::In(literals) => match value? {
                AttributeValue::Strings(list) => Some(literals.iter().any(|literal| contains(list, literal))),
                value => {
                    Some(literals.iter().any(|literal| compare(value, literal).is_some_and(Ordering::is_eq)))
                }
            },
            Self::Like(pattern) => match value? {
                AttributeValue::Strings(list) => Some(list.iter().any(|text| pattern.matches(text))),
                AttributeValue::String(text) => Some(pattern.matches(text)),
                _ => None,
            },
        }
    }
}

fn contains(list: &[String], literal: &AttributeValue) -> bool {
    matches!(literal, AttributeValue::String(text) if list.contains(text))
}

/// How a field's value stands to a literal; none for types that have nothing in common, which no checked filter compares.
fn compare(value: &AttributeValue, literal: &AttributeValue) -> Option<Ordering> {
    match (value, literal) {
        (AttributeValue::String(a), AttributeValue::String(b)) => Some(a.cmp(b)),
        (AttributeValue::Integer(a), AttributeValue::Integer(b)) => Some(a.cmp(b)),
        (AttributeValue::Number(a), AttributeValue::Number(b)) => a.partial_cmp(b),
        (AttributeValue::Integer(a), AttributeValue::Number(b)) => Some(compare_exactly(*a, *b)),
        (AttributeValue::Number(a), AttributeValue::Integer(b)) => Some(compare_exactly(*b, *a).reverse()),
        (AttributeValue::Boolean(a), AttributeValue::Boolean(b)) => Some(a.cmp(b)),
        (AttributeValue::Timestamp(a), AttributeValue::Timestamp(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

/// Compares the numbers that are meant, as SQLite does: neither is rounded to the other's type first.
#[expect(clippy::cast_possible_truncation, reason = "what does not fit has been answered before")]
fn compare_exactly(integer: i64, number: f64) -> Ordering {
    const END: f64 = 9_223_372_036_854_775_808.0; // the first above all integers of 64 bits
    if number >= END {
        Ordering::Less
    } else if number < -END {
        Ordering::Greater
    } else {
        let whole = number.trunc() as i64;
        integer.cmp(&whole).then_with(|| 0.0.partial_cmp(&number.fract()).unwrap_or(Ordering::Equal))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_and_doubles_compare_exactly() {
        let two_to_53 = 9_007_199_254_740_992;
        for (integer, number, ordering) in [
            (2, 2.0, Ordering::Equal),
            (2, 2.5, Ordering::Less),
            (3, 2.5, Ordering::Greater),
            (-2, -2.5, Ordering::Greater),
            (-3, -2.5, Ordering::Less),
            (0, -0.0, Ordering::Equal),
            (0, 5e-324, Ordering::Less),
            (0, -5e-324, Ordering::Greater),
            (two_to_53 + 1, 9_007_199_254_740_992.0, Ordering::Greater),
            (i64::MAX, 9_223_372_036_854_775_808.0, Ordering::Less),
            (i64::MIN, -9_223_372_036_854_775_808.0, Ordering::Equal),
            (i64::MIN, -9_223_372_036_854_777_856.0, Ordering::Greater),
            (i64::MAX, 1e300, Ordering::Less),
            (i64::MIN, -1e300, Ordering::Greater),
        ] {
            assert_eq!(compare_exactly(integer, number), ordering, "{integer} and {number:?}");
        }
    }
}
