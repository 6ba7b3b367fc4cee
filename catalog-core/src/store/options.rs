use std::collections::BTreeSet;

use crate::{
    asset::{AttributeValue, FieldRef},
    clock::Timestamp,
};

/// What a field's values are among a tenant's assets, for a filter to offer.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldOptions {
    /// The field.
    pub field: FieldRef,
    /// Its values.
    pub values: OptionValues,
}

/// The values that a field has somewhere.
#[derive(Clone, Debug, PartialEq)]
pub enum OptionValues {
    /// Each of its texts, in the order of their bytes, up to [`MAX_OPTIONS`]; texts too long to choose from are left out.
    Texts {
        /// The first of them.
        values: Vec<String>,
        /// Whether those are all.
        complete: bool,
    },
    /// From the least to the greatest of its whole numbers.
    Integers(i64, i64),
    /// From the least to the greatest of its numbers.
    Numbers(f64, f64),
    /// From the first to the last of its times.
    Times(Timestamp, Timestamp),
    /// No asset has a value.
    None,
}

/// So many values of a field are told.
pub const MAX_OPTIONS: usize = 100;
/// Texts of so many characters are no choice.
pub(super) const MAX_OPTION_CHARS: usize = 128;

impl OptionValues {
    /// The options among values of one type.
    pub(super) fn among(values: impl Iterator<Item = AttributeValue>) -> Self {
        let mut texts = BTreeSet::new();
        let mut range = Self::None;
        for value in values {
            range = match (range, value) {
                (range, AttributeValue::String(text)) => {
                    texts.insert(text);
                    range
                }
                (range, AttributeValue::Strings(list)) => {
                    texts.extend(list);
                    range
                }
                // true and false need no telling
                (range, AttributeValue::Boolean(_)) => range,
                (Self::Integers(min, max), AttributeValue::Integer(n)) => {
                    Self::Integers(min.min(n), max.max(n))
                }
                (_, AttributeValue::Integer(n)) => Self::Integers(n, n),
                (Self::Numbers(min, max), AttributeValue::Number(n)) => Self::Numbers(min.min(n), max.max(n)),
                (_, AttributeValue::Number(n)) => Self::Numbers(n, n),
                (Self::Times(min, max), AttributeValue::Timestamp(t)) => Self::Times(min.min(t), max.max(t)),
                (_, AttributeValue::Timestamp(t)) => Self::Times(t, t),
            };
        }
        if texts.is_empty() { range } else { Self::texts(texts.into_iter()) }
    }

    /// Texts in the order of their bytes, of which the first are told.
    pub(super) fn texts(texts: impl Iterator<Item = String>) -> Self {
        let short = |text: &String| !text.is_empty() && text.chars().nth(MAX_OPTION_CHARS).is_none();
        let mut values: Vec<String> = texts.filter(short).take(MAX_OPTIONS + 1).collect();
        let complete = values.len() <= MAX_OPTIONS;
        values.truncate(MAX_OPTIONS);
        if values.is_empty() { Self::None } else { Self::Texts { values, complete } }
    }
}
