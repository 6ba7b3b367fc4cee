//! SQL text that no stranger's word can enter.

use std::fmt::Write;

use crate::{
    asset::decimal,
    name::{FieldName, KindName, PluginName},
    tenant::TenantScope,
};

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
    /// A list of texts, for PostgreSQL's arrays; SQLite has none and takes it for NULL.
    Texts(Vec<Option<String>>),
    /// A list of whole numbers, likewise.
    Integers(Vec<i64>),
    /// A list of bytes, likewise.
    ByteStrings(Vec<Vec<u8>>),
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

impl From<Vec<Option<String>>> for SqlValue {
    fn from(texts: Vec<Option<String>>) -> Self {
        Self::Texts(texts)
    }
}

impl From<Vec<i64>> for SqlValue {
    fn from(numbers: Vec<i64>) -> Self {
        Self::Integers(numbers)
    }
}

impl From<Vec<Vec<u8>>> for SqlValue {
    fn from(strings: Vec<Vec<u8>>) -> Self {
        Self::ByteStrings(strings)
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

/// SQL text and the values bound to its placeholders, in their order.
///
/// Text enters only as a literal of the program or as a name of a schema ([`FieldName`], [`PluginName`], [`KindName`]), whose
/// letters need no quoting; whatever else a request holds is bound. So a statement cannot be injected into, by type.
#[derive(Clone, Debug)]
pub struct Statement {
    dialect: Dialect,
    text: String,
    values: Vec<SqlValue>,
    scope: Option<TenantScope>,
    is_repeatable: bool,
}

impl Statement {
    /// An empty statement for that engine.
    pub fn new(dialect: Dialect) -> Self {
        Self { dialect, text: String::new(), values: Vec::new(), scope: None, is_repeatable: false }
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

    /// Appends a plugin's name in quotes: a literal, for an index over a part of the rows is used only where the statement's text
    /// shows that those rows are enough.
    pub fn push_plugin(&mut self, plugin: &PluginName) -> &mut Self {
        self.push("'");
        self.text.push_str(plugin.as_str());
        self.push("'")
    }

    /// Appends a kind's name in quotes, likewise.
    pub fn push_kind(&mut self, kind: &KindName) -> &mut Self {
        self.push("'");
        self.text.push_str(kind.as_str());
        self.push("'")
    }

    /// Appends a number of rows.
    pub fn push_count(&mut self, rows: usize) -> &mut Self {
        self.text.push_str(&rows.to_string());
        self
    }

    /// Appends a fixed-width hexadecimal number, for names that are made of digests.
    pub fn push_hex(&mut self, number: u64) -> &mut Self {
        // writing to a string cannot fail
        let _ = write!(self.text, "{number:016x}");
        self
    }

    /// Binds a value and appends its placeholder. SQLite's has no number: it looks through all that have one, for each of them.
    pub fn bind(&mut self, value: impl Into<SqlValue>) -> &mut Self {
        self.values.push(value.into());
        match self.dialect {
            Dialect::Sqlite => self.text.push('?'),
            Dialect::Postgres => {
                self.text.push('$');
                self.text.push_str(&self.values.len().to_string());
            }
        }
        self
    }

    /// Binds a floating-point number as the engine reads one that is in JSON: SQLite misses the last bit of numbers far from 1.
    pub fn bind_json_number(&mut self, number: f64) -> &mut Self {
        match self.dialect {
            Dialect::Sqlite => self.push("json_extract(").bind(decimal(number)).push(", '$')"),
            Dialect::Postgres => self.bind(number),
        }
    }

    /// Notes what the statement's holder may see. The predicate is in the text; this is for engines that have a second wall.
    pub fn within(&mut self, scope: &TenantScope) -> &mut Self {
        self.scope = Some(scope.clone());
        self
    }

    /// What the statement's holder may see; none for one that touches no tenant's rows.
    pub fn scope(&self) -> Option<&TenantScope> {
        self.scope.as_ref()
    }

    /// Notes that the statement may be run again where nobody knows whether it was: an engine does so when the connection turns out to
    /// be dead, as those are that nobody used while the server was restarted.
    pub fn repeatable(&mut self) -> &mut Self {
        self.is_repeatable = true;
        self
    }

    /// Whether it may be run again where nobody knows whether it was.
    pub fn is_repeatable(&self) -> bool {
        self.is_repeatable
    }

    /// The statement as a part of another: between those two texts.
    #[must_use]
    pub fn between(mut self, before: &'static str, after: &'static str) -> Self {
        self.text.insert_str(0, before);
        self.text.push_str(after);
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
