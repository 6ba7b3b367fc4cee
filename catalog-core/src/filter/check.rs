//! Fits operators and values to the types of fields.

use super::{
    ast::{Expression, Operator, Test},
    error::{FilterError, FilterErrorKind},
    like::Pattern,
    target::{Target, TargetField},
};
use crate::{
    asset::{AttributeValue, CustomKind, FieldRef},
    schema::FieldType,
};

/// The kinds of which a custom property has one, the two of numbers taken together.
pub(super) const KINDS: [CustomKind; 3] = [CustomKind::String, CustomKind::AnyNumber, CustomKind::Boolean];

/// Characters of one pattern: matching takes the product of its length and the text's.
const MAX_PATTERN: usize = 256;

/// A value as it was written.
#[derive(Debug)]
pub(super) struct Value<'a> {
    pub(super) at: usize,
    pub(super) text: &'a str,
    pub(super) literal: Literal,
}

#[derive(Debug)]
pub(super) enum Literal {
    Text(String),
    Integer(i64),
    Number(f64),
    Boolean(bool),
}

impl Literal {
    /// The kind of a custom property that is compared with it.
    fn kind(&self) -> CustomKind {
        match self {
            Self::Text(_) => CustomKind::String,
            Self::Integer(_) | Self::Number(_) => CustomKind::AnyNumber,
            Self::Boolean(_) => CustomKind::Boolean,
        }
    }
}

impl Target {
    /// `field operator value`, the operator standing at `at`.
    pub(super) fn compare(
        self,
        operator: Operator,
        at: usize,
        value: Value<'_>,
    ) -> Result<Expression, FilterError> {
        let field = self.known(value.literal.kind());
        let ordered = !matches!(field.field_type(), FieldType::Strings | FieldType::Boolean);
        if operator.needs_order() && !ordered {
            return Err(field.refuses(operator.as_str(), at));
        }
        let value = field.fit(value)?;
        Ok(field.tested(Test::Compare(operator, value)))
    }

    /// `field in (values)`.
    pub(super) fn within(self, values: Vec<Value<'_>>) -> Result<Expression, FilterError> {
        let kind = values.first().map_or(CustomKind::String, |value| value.literal.kind());
        let field = self.known(kind);
        let values = values.into_iter().map(|value| field.fit(value)).collect::<Result<_, _>>()?;
        Ok(field.tested(Test::In(values)))
    }

    /// `field like pattern` or `field ilike pattern`, the operator standing at `at`.
    pub(super) fn like(
        self,
        operator: &str,
        at: usize,
        folds: bool,
        value: Value<'_>,
    ) -> Result<Expression, FilterError> {
        let field = self.known(CustomKind::String);
        if !matches!(field.field_type(), FieldType::String | FieldType::Strings) {
            return Err(field.refuses(operator, at));
        }
        let (at, written) = (value.at, value.text);
        let AttributeValue::String(text) = field.fit(value)? else { return Err(field.refuses(operator, at)) };
        if text.chars().nth(MAX_PATTERN).is_some() {
            let expected = format!("at most {MAX_PATTERN} characters after `{operator}`");
            return Err(FilterError::new(FilterErrorKind::Limit, at, expected));
        }
        let pattern = Pattern::parse(&text, folds).ok_or_else(|| {
            FilterError::new(FilterErrorKind::Syntax, at, "a pattern that does not end in a lone `\\`")
                .found(written)
        })?;
        Ok(field.tested(Test::Like(pattern)))
    }

    /// `field is null`.
    pub(super) fn null(self) -> Expression {
        match self.field {
            TargetField::Known(field) => Expression::Comparison(field, Test::IsNull),
            TargetField::Open(key) => {
                Expression::Absent(KINDS.map(|kind| FieldRef::Custom(key.clone(), kind)).into())
            }
        }
    }

    fn known(self, open: CustomKind) -> Known {
        let field = match self.field {
            TargetField::Known(field) => field,
            TargetField::Open(key) => FieldRef::Custom(key, open),
        };
        Known { field, name: self.name }
    }
}

/// A field whose type is settled.
struct Known {
    field: FieldRef,
    name: String,
}

impl Known {
    fn field_type(&self) -> FieldType {
        self.field.field_type()
    }

    fn tested(self, test: Test) -> Expression {
        Expression::Comparison(self.field, test)
    }

    /// The error that the field knows no such operator.
    fn refuses(&self, operator: &str, at: usize) -> FilterError {
        let operators = match self.field_type() {
            FieldType::Boolean => "`=`, `!=`, `in` or `is null`",
            FieldType::Strings => "`=`, `!=`, `in`, `like`, `ilike` or `is null`",
            _ => "`=`, `!=`, `<`, `<=`, `>`, `>=`, `in` or `is null`",
        };
        let expected = format!("{operators} for the {} `{}`", self.field_type().as_str(), self.name);
        FilterError::new(FilterErrorKind::TypeMismatch, at, expected).found(operator)
    }

    /// The value as one of the field's type.
    fn fit(&self, value: Value<'_>) -> Result<AttributeValue, FilterError> {
        // numbers of either kind are compared exactly, so the literal stays what it is
        let any_number = matches!(self.field, FieldRef::Custom(_, CustomKind::AnyNumber));
        let (fitted, wanted) = match (self.field_type(), value.literal) {
            (FieldType::String | FieldType::Strings, literal) => (string(literal), "a text in quotes"),
            (FieldType::Integer, literal) => (integer(&literal), "an integer"),
            (FieldType::Number, literal @ Literal::Integer(_)) if any_number => {
                (integer(&literal), "a number")
            }
            (FieldType::Number, literal) => (number(&literal), "a number"),
            (FieldType::Boolean, literal) => (boolean(&literal), "`true` or `false`"),
            (FieldType::Timestamp, literal) => (timestamp(&literal), "an RFC 3339 time in quotes"),
            (FieldType::Object | FieldType::Objects, _) => (None, "`is null`"),
        };
        fitted.ok_or_else(|| {
            let expected = format!("{wanted} for `{}`", self.name);
            FilterError::new(FilterErrorKind::TypeMismatch, value.at, expected).found(value.text)
        })
    }
}

fn string(literal: Literal) -> Option<AttributeValue> {
    if let Literal::Text(text) = literal { Some(AttributeValue::String(text)) } else { None }
}

fn integer(literal: &Literal) -> Option<AttributeValue> {
    if let Literal::Integer(number) = literal { Some(AttributeValue::Integer(*number)) } else { None }
}

#[expect(clippy::cast_precision_loss, reason = "the field's own values have no more digits")]
fn number(literal: &Literal) -> Option<AttributeValue> {
    match literal {
        Literal::Integer(number) => Some(AttributeValue::Number(*number as f64)),
        Literal::Number(number) => Some(AttributeValue::Number(*number)),
        Literal::Text(_) | Literal::Boolean(_) => None,
    }
}

fn boolean(literal: &Literal) -> Option<AttributeValue> {
    if let Literal::Boolean(truth) = literal { Some(AttributeValue::Boolean(*truth)) } else { None }
}

fn timestamp(literal: &Literal) -> Option<AttributeValue> {
    if let Literal::Text(text) = literal { text.parse().ok().map(AttributeValue::Timestamp) } else { None }
}
