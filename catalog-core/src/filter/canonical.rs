//! The normal form of a filter, as text of the language.

use std::fmt::{self, Display, Formatter};

use super::{
    ast::{Expression, Test},
    lexer::is_plain_name,
    parser::is_keyword,
};
use crate::asset::{AttributeValue, CustomKind, FieldRef};

impl Display for Expression {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(parts) => {
                separated(f, " and ", parts.iter().map(|part| Part(part, matches!(part, Self::Any(_)))))
            }
            Self::Any(parts) => separated(f, " or ", parts),
            Self::Not(inner) => match inner.as_ref() {
                Self::Comparison(field, Test::IsNull) => write!(f, "{} is not null", Field(field)),
                Self::Absent(fields) => write!(f, "{} is not null", OpenField(fields)),
                // written before the operator it nests no deeper than it did
                Self::Comparison(field, test @ (Test::In(_) | Test::Like(_))) => {
                    write!(f, "{} not {test}", Field(field))
                }
                Self::Comparison(..) => write!(f, "not {inner}"),
                _ => write!(f, "not ({inner})"),
            },
            Self::Comparison(field, test) => write!(f, "{} {test}", Field(field)),
            Self::Absent(fields) => write!(f, "{} is null", OpenField(fields)),
        }
    }
}

impl Display for Test {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compare(operator, value) => write!(f, "{} {}", operator.as_str(), Value(value)),
            Self::In(values) => {
                f.write_str("in (")?;
                separated(f, ", ", values.iter().map(Value))?;
                f.write_str(")")
            }
            Self::Like(pattern) => {
                f.write_str(if pattern.folds() { "ilike " } else { "like " })?;
                quoted(f, &pattern.to_like())
            }
            Self::IsNull => f.write_str("is null"),
        }
    }
}

/// A part of a conjunction, in parentheses if so it says.
struct Part<'a>(&'a Expression, bool);

impl Display for Part<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.1 { write!(f, "({})", self.0) } else { self.0.fmt(f) }
    }
}

struct Field<'a>(&'a FieldRef);

impl Display for Field<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            FieldRef::Common(field) => f.write_str(field.as_str()),
            FieldRef::Declared(name, _) if is_keyword(name.as_str()) => write!(f, "`{name}`"),
            FieldRef::Declared(name, _) => write!(f, "{name}"),
            FieldRef::Custom(key, kind) => {
                let suffix = match kind {
                    CustomKind::String => ".string_value",
                    CustomKind::Integer => ".int_value",
                    CustomKind::Number => ".double_value",
                    CustomKind::AnyNumber => "",
                    CustomKind::Boolean => ".bool_value",
                };
                write!(f, "customProperties.{}{suffix}", Key(key))
            }
            FieldRef::Label(key) => write!(f, "labels.{}", Key(key)),
        }
    }
}

/// A custom property of whatever kind.
struct OpenField<'a>(&'a [FieldRef]);

impl Display for OpenField<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0.first() {
            Some(FieldRef::Custom(key, _)) => write!(f, "customProperties.{}", Key(key)),
            _ => Ok(()),
        }
    }
}

struct Key<'a>(&'a str);

impl Display for Key<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if is_plain_name(self.0) { f.write_str(self.0) } else { write!(f, "`{}`", self.0.replace('`', "``")) }
    }
}

struct Value<'a>(&'a AttributeValue);

impl Display for Value<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            AttributeValue::String(text) => quoted(f, text),
            AttributeValue::Integer(number) => write!(f, "{number}"),
            // the shortest form that reads back as the same number, and never as an integer
            AttributeValue::Number(number) => write!(f, "{number:?}"),
            AttributeValue::Boolean(truth) => write!(f, "{truth}"),
            AttributeValue::Timestamp(time) => write!(f, "'{time}'"),
            AttributeValue::Strings(texts) => separated(f, ", ", texts),
        }
    }
}

fn quoted(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    let escaped = text
        .replace('\\', r"\\")
        .replace('\'', "''")
        .replace('\n', r"\n")
        .replace('\r', r"\r")
        .replace('\t', r"\t");
    write!(f, "'{escaped}'")
}

fn separated<T: Display>(
    f: &mut Formatter<'_>,
    separator: &str,
    parts: impl IntoIterator<Item = T>,
) -> fmt::Result {
    for (n, part) in parts.into_iter().enumerate() {
        if n > 0 {
            f.write_str(separator)?;
        }
        part.fmt(f)?;
    }
    Ok(())
}
