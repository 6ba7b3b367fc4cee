//! Why a text is no filter.

use std::{borrow::Cow, fmt};

use crate::excerpt::shown;

/// Why a text is no filter, and where.
///
/// `Display` tells what was expected and what stood there instead; a caller adds the position as it likes.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected {expected}{}", Found(.found))]
#[non_exhaustive]
pub struct FilterError {
    /// Where the fault begins: the number of characters (Unicode scalar values) before it.
    pub position: usize,
    /// What sort of fault it is.
    pub kind: FilterErrorKind,
    expected: Cow<'static, str>,
    found: Option<String>,
}

/// What sort of fault it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
#[non_exhaustive]
pub enum FilterErrorKind {
    /// The text does not have the form of a filter.
    Syntax,
    /// No field has that name.
    UnknownField,
    /// The field is declared, but not as one to filter by.
    NotFilterable,
    /// The operator, the value or the type suffix does not fit the type of the field.
    TypeMismatch,
    /// The text is longer, deeper or larger than a filter may be.
    Limit,
}

impl FilterError {
    pub(super) fn new(
        kind: FilterErrorKind,
        position: usize,
        expected: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { position, kind, expected: expected.into(), found: None }
    }

    /// Adds what stood there; nothing at the end of the text.
    pub(super) fn found(mut self, text: &str) -> Self {
        self.found = Some(shown(text)).filter(|text| !text.is_empty());
        self
    }

    /// What would have been right, to be read after "expected".
    pub fn expected(&self) -> &str {
        &self.expected
    }
}

struct Found<'a>(&'a Option<String>);

impl fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |text| write!(f, ", not `{text}`"))
    }
}
