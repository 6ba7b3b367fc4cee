//! Rows of an answer.

use crate::store::{StoreError, StoreErrorKind, statement::SqlValue};

/// One row of an answer, its columns in the order of the `select`.
#[derive(Clone, Debug, PartialEq)]
pub struct Row(Vec<SqlValue>);

impl Row {
    /// From its columns.
    pub fn new(columns: Vec<SqlValue>) -> Self {
        Self(columns)
    }

    fn take(&mut self, column: usize) -> Option<SqlValue> {
        self.0.get_mut(column).map(|value| std::mem::replace(value, SqlValue::Text(None)))
    }

    fn wrong(column: usize, want: &str) -> StoreError {
        StoreError::new(StoreErrorKind::Corrupt, format!("column {column} is no {want}"))
    }

    /// Takes a text out of the row; none for NULL.
    ///
    /// # Errors
    /// `Corrupt` if the column is missing or of another type.
    pub fn take_text(&mut self, column: usize) -> Result<Option<String>, StoreError> {
        match self.take(column) {
            Some(SqlValue::Text(text)) => Ok(text),
            _ => Err(Self::wrong(column, "text")),
        }
    }

    /// Takes a text that is not NULL.
    ///
    /// # Errors
    /// `Corrupt` if it is not there.
    pub fn text(&mut self, column: usize) -> Result<String, StoreError> {
        self.take_text(column)?.ok_or_else(|| Self::wrong(column, "text"))
    }

    /// Takes a whole number.
    ///
    /// # Errors
    /// `Corrupt` if it is not there.
    pub fn integer(&mut self, column: usize) -> Result<i64, StoreError> {
        match self.take(column) {
            Some(SqlValue::Integer(Some(number))) => Ok(number),
            _ => Err(Self::wrong(column, "whole number")),
        }
    }

    /// Takes a number; a whole one is taken as one, too.
    ///
    /// # Errors
    /// `Corrupt` if it is not there.
    #[expect(clippy::cast_precision_loss, reason = "an engine may give back 2.0 as 2")]
    pub fn number(&mut self, column: usize) -> Result<f64, StoreError> {
        match self.take(column) {
            Some(SqlValue::Number(Some(number))) => Ok(number),
            Some(SqlValue::Integer(Some(number))) => Ok(number as f64),
            _ => Err(Self::wrong(column, "number")),
        }
    }

    /// Takes a truth value; SQLite's 1 and 0 are such.
    ///
    /// # Errors
    /// `Corrupt` if it is not there.
    pub fn boolean(&mut self, column: usize) -> Result<bool, StoreError> {
        match self.take(column) {
            Some(SqlValue::Boolean(Some(truth))) => Ok(truth),
            Some(SqlValue::Integer(Some(number))) => Ok(number != 0),
            _ => Err(Self::wrong(column, "truth value")),
        }
    }

    /// Takes bytes.
    ///
    /// # Errors
    /// `Corrupt` if they are not there.
    pub fn bytes(&mut self, column: usize) -> Result<Vec<u8>, StoreError> {
        match self.take(column) {
            Some(SqlValue::Bytes(Some(bytes))) => Ok(bytes),
            _ => Err(Self::wrong(column, "bytes")),
        }
    }
}

/// A row as the engine has it, in whose columns texts and bytes are borrowed.
pub trait Columns {
    /// A text that is not NULL.
    ///
    /// # Errors
    /// `Corrupt` if the column is missing or of another type; and so of the others.
    fn text(&self, column: usize) -> Result<&str, StoreError>;

    /// A whole number.
    ///
    /// # Errors
    /// As [`text`](Self::text).
    fn integer(&self, column: usize) -> Result<i64, StoreError>;

    /// Bytes.
    ///
    /// # Errors
    /// As [`text`](Self::text).
    fn bytes(&self, column: usize) -> Result<&[u8], StoreError>;
}
