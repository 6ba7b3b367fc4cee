//! SQL text that no stranger's word can enter.

use crate::name::FieldName;

/// One value bound to a placeholder. A `None` is a NULL of that type, which PostgreSQL wants to know.
#[derive(Clone, Debug, PartialEq)]
pub enum SqlValue {
    /// Text.
    Text(Option<String>),
    /// A whole number.
    Integer(Option<i64>),
    /// A floating-point number.
    Number(Option<f64>),
    /// True or false; 1 or 0 on SQLite.
    Boolean(Option<bool>),
    /// Bytes.
    Bytes(Option<Vec<u8>>),
}

impl From<&str> for SqlValue {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.into()))
    }
}

impl From<String> for SqlValue {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<Option<String>> for SqlValue {
    fn from(text: Option<String>) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for SqlValue {
    fn from(number: i64) -> Self {
        Self::Integer(Some(number))
    }
}

impl From<f64> for SqlValue {
    fn from(number: f64) -> Self {
        Self::Number(Some(number))
    }
}

impl From<bool> for SqlValue {
    fn from(truth: bool) -> Self {
        Self::Boolean(Some(truth))
    }
}

impl From<Vec<u8>> for SqlValue {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(Some(bytes))
    }
}

/// The SQL engine that a statement is written for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub enum Dialect {
    /// SQLite 3.40 and later.
    Sqlite,
    /// PostgreSQL 14 and later, and engines that speak as it does.
    Postgres,
}

/// SQL text and the values bound to its placeholders `$1`, `$2`, ….
///
/// Text enters only as a literal of the program or as a [`FieldName`], whose letters need no quoting; whatever else a request
/// holds is bound. So a statement cannot be injected into, by type.
#[derive(Clone, Debug)]
pub struct Statement {
    dialect: Dialect,
    text: String,
    values: Vec<SqlValue>,
}

impl Statement {
    /// An empty statement for that engine.
    pub fn new(dialect: Dialect) -> Self {
        Self { dialect, text: String::new(), values: Vec::new() }
    }

    /// The engine it is written for.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Appends text of the program.
    pub fn push(&mut self, text: &'static str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Appends a field's name.
    pub fn push_field(&mut self, field: &FieldName) -> &mut Self {
        self.text.push_str(field.as_str());
        self
    }

    /// Binds a value and appends its placeholder.
    pub fn bind(&mut self, value: impl Into<SqlValue>) -> &mut Self {
        self.values.push(value.into());
        self.text.push('$');
        self.text.push_str(&self.values.len().to_string());
        self
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The values, in the order of their placeholders.
    pub fn values(&self) -> &[SqlValue] {
        &self.values
    }

    /// Both, for a driver.
    pub fn into_parts(self) -> (String, Vec<SqlValue>) {
        (self.text, self.values)
    }
}
